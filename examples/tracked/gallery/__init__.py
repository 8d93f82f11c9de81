"""Make a web page of a directory of pictures."""

from __future__ import annotations

import html
from pathlib import Path

import tempfiles

PICTURES = {".gif", ".jpg", ".png"}


def pictures(directory: Path) -> list[Path]:
    """Return the pictures of a directory, sorted by name."""
    return sorted(path for path in directory.iterdir() if path.suffix in PICTURES)


def build(directory: Path, destination: Path) -> int:
    """Build the gallery of a directory; return how many pictures it shows.

    The destination appears whole or not at all: the work is done in a temp directory, which is
    gone in any case. An existing destination is not overwritten (FileExistsError).
    """
    found = pictures(directory)
    with tempfiles.TempDirectory() as work:
        site = work.create_subdirectory("site")
        for picture in found:
            tempfiles.persist(tempfiles.copy_to_temp(picture), site / picture.name)
        work.create_file("site/index.html", page([picture.name for picture in found]))
        tempfiles.persist(site, destination)
    return len(found)


def page(names: list[str]) -> str:
    """Return the page that shows pictures of these names."""
    escaped = (html.escape(name) for name in names)
    shown = "".join(f'<img src="{name}" alt="{name}">\n' for name in escaped)
    return f"<!doctype html>\n<title>Gallery</title>\n{shown}"
