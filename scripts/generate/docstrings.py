"""Text for docstrings: the only way for the description's own text into a module, apart from `repr`."""

import re
import textwrap

from scripts.generate.ir import Enum, List, Nullable, Type, is_component
from scripts.generate.load import steps

_WIDTH = 100
_ITEM = re.compile(r"([-*+]|\d+[.)])\s+|[#>|]")  # starts a line of its own in Markdown


def docstring(text: str) -> str:
    """Return the docstring literal of any *text*; characters that can't be printed become spaces."""
    printable = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    body = re.sub(r'"""|"\Z', lambda quotes: quotes[0].replace('"', r"\""), printable.replace("\\", r"\\"))
    return f'"""{body}\n"""' if "\n" in body else f'"""{body}"""'


def prose(text: str, *, indent: str = "", hang: str = "") -> str:
    """Rewrap paragraphs and list items."""
    blocks: list[str] = []
    fresh = True
    for line in text.splitlines():
        clean = line.strip()
        if not clean:
            blocks += [""] if blocks and blocks[-1] else []
        elif fresh or _ITEM.match(clean):
            blocks.append(clean)
        else:
            blocks[-1] += f" {clean}"
        fresh = not clean or clean.endswith("<br>")
    return "\n".join(_wrapped(block, indent, hang) for block in blocks).rstrip()


def sentences(*parts: str) -> str:
    """Join the parts that are not empty, each with the full stop that it may lack."""
    texts = [part.strip() for part in parts]
    return " ".join(text if text.endswith((".", ":", "!", "?", "|")) else f"{text}." for text in texts if text)


def known_values(kind: Type) -> str:
    """Return a sentence on the values that an open enum is known to have, if *kind* is one."""
    match kind:
        case Nullable(inner) | List(inner):
            return known_values(inner)
        case Enum(values):
            return f"Known values: {', '.join(values)}."
        case _:
            return ""


def origin(pointer: str) -> str:
    """Return the place in the description of a model that the description says nothing about."""
    way = steps(pointer)
    owner = f"{way[2].upper()} {way[1]}" if way[0] == "paths" else way[2]
    part = [way[n + 1] for n, step in enumerate(way[:-1]) if step == "properties"]
    if not part:
        return f"The server's `{owner}`." if is_component(pointer) else f"Content of `{owner}`."
    return f"`{'.'.join(part)}` of the server's `{owner}`."


def _wrapped(block: str, indent: str, hang: str) -> str:
    item = _ITEM.match(block)
    return "\n".join(
        textwrap.wrap(
            block,
            _WIDTH,
            initial_indent=indent,
            subsequent_indent=hang or (" " * len(item[0]) if item else ""),
            break_long_words=False,
            break_on_hyphens=False,
        )
    )
