"""Benchmarks: the speed of hubapi as ratios to the alternatives. Run `python -m scripts.bench` or `nox -s bench`."""
