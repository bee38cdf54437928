"""What the project runs on itself: the generator, and later the benchmarks."""
