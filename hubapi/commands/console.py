"""Printing to a terminal or to a log."""

import sys
from io import TextIOWrapper

from rich.console import Console
from rich.text import Text


def new_console(*, stderr: bool = False) -> Console:
    """Return a console on standard output or standard error. It prints `?` for a character that the stream can't."""
    stream = sys.stderr if stderr else sys.stdout
    if isinstance(stream, TextIOWrapper):
        stream.reconfigure(errors="replace")
    return Console(stderr=stderr)


def print_line(console: Console, text: str | Text) -> None:
    """Print a text: wrapped in a terminal, on one line in a log."""
    console.print(text, soft_wrap=not console.is_terminal, markup=False, highlight=False)


def duration(seconds: float, *, coarse: bool = False) -> str:
    """Return a duration as text, in two units at most.

    Args:
        seconds: The duration.
        coarse: Round to whole minutes, as an estimate is no more precise.

    Example:
        >>> duration(7), duration(125), duration(7300), duration(115, coarse=True)
        ('7 s', '2 min 5 s', '2 h 1 min', '2 min')
    """
    whole = max(0, round(seconds))
    whole = 60 * round(whole / 60) if coarse and whole >= 60 else whole
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    parts = [f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0) + [f"{rest} s"] * (rest > 0)
    return " ".join(parts[:2]) or "0 s"


def some_of(names: list[str], most: int = 8) -> str:
    """Return the first of some names, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
