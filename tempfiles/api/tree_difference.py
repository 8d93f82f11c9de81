"""In what two trees differ, in words; values are as `trees` has them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping


def explain(top: str, wanted: Mapping[str, object], found: Mapping[str, object]) -> str:
    """Return lines that tell what is missing, unexpected and different in a directory.

    Args:
        top: the directory.
        wanted: what was expected in it.
        found: what there is.
    """
    lines = [f"{shown(top)} is not the expected tree"]
    for title, names in (
        ("missing", wanted.keys() - found.keys()),
        ("unexpected", found.keys() - wanted.keys()),
    ):
        lines += [f"  {title}: {shown(name)}" for name in sorted(names)]
    both = sorted(wanted.keys() & found.keys())
    different = [name for name in both if wanted[name] != found[name]]
    lines += [f"  different: {shown(name)}" for name in different]
    for name in different:
        lines += difflib.unified_diff(
            _lines(wanted[name]), _lines(found[name]),
            f"expected/{shown(name)}", f"found/{shown(name)}", lineterm="",
        )
    return "\n".join(lines)


def as_text(value: bytes) -> str | bytes:
    """Return the content of a file as text where it is valid UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def shown(text: str) -> str:
    """Return text of which nothing can act on a terminal."""
    return text if text.isprintable() else text.encode("unicode_escape").decode()


def _lines(value: object) -> list[str]:
    """Return a value as the lines of a diff."""
    if not isinstance(value, bytes):
        return [repr(value)]
    text = as_text(value)
    if isinstance(text, bytes):
        return [f"{len(text)} bytes: {text[at : at + 32]!r}" for at in range(0, len(text), 32)]
    return [shown(line) for line in text.split("\n")]
