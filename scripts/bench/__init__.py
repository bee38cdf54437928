"""How fast hubapi is, as ratios to what else one would write: `python -m scripts.bench`, or `nox -s bench`."""
