"""The project's own tools: the generator and the benchmarks."""
