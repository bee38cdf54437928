"""Text of the description, as it may stand in a docstring: the one way in, apart from `repr`."""

import re
import textwrap

_WIDTH = 100
_ITEM = re.compile(r"([-*+]|\d+[.)])\s+|[#>|]")  # what begins a line of its own in Markdown


def docstring(text: str) -> str:
    """Return the literal that says just *text*, whatever it contains; what can't be printed becomes a space."""
    printable = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    body = re.sub(r'"""|"\Z', lambda quotes: quotes[0].replace('"', r"\""), printable.replace("\\", r"\\"))
    return f'"""{body}\n"""' if "\n" in body else f'"""{body}"""'


def prose(text: str, *, indent: str = "", hang: str = "") -> str:
    """Wrap paragraphs and list items anew."""
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
    """Join what is not empty, each ending as a sentence does."""
    texts = [part.strip() for part in parts]
    return " ".join(text if text.endswith((".", ":", "!", "?", "|")) else f"{text}." for text in texts if text)


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
