"""Benchmarks of hubapi against alternatives: `python -m scripts.bench`, or `nox -s bench`."""
