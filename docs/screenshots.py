"""Take the pictures of the documentation: `make screenshots`.

The terminal is drawn from a real run of `examples/leaky`, and its HTML page is photographed in
Chromium. The pictures are committed: they differ from run to run in times and random names, so the
build of the pages does not take them. A test fails when the terminal shows something else.
"""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

import terminal  # noqa: E402

IMAGES = HERE / "images"
EXAMPLE = HERE.parent / "examples" / "leaky"
COLUMNS = 100
COMMAND = "tidytest discover"
TERMINAL = "terminal.svg"
PAGES = {
    "page-light.png": (1280, "light"),
    "page-dark.png": (1280, "dark"),
    "page-narrow.png": (400, "light"),
}
_HEIGHT = 860


def printed(command: str, directory: Path) -> str:
    """Return what a command of tidytest prints on a terminal with colours, in the example."""
    project = directory / "leaky"
    shutil.copytree(EXAMPLE, project, dirs_exist_ok=True)
    words = [sys.executable, "-m", "runner", *command.split()[1:]]
    paths = f"{HERE.parent}{os.pathsep}{project}"
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME")}
    environment = {**kept, "PYTHONPATH": paths, "FORCE_COLOR": "1", "COLUMNS": str(COLUMNS)}
    run = subprocess.run(
        words, cwd=project, env=environment, text=True, check=False, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )  # fmt: skip
    return run.stdout


def take_terminal(directory: Path) -> None:
    """Draw the terminal after `COMMAND`."""
    drawing = terminal.draw(COMMAND, printed(COMMAND, directory), COLUMNS)
    (IMAGES / TERMINAL).write_text(drawing, encoding="utf-8")


def take_pages(directory: Path) -> None:
    """Photograph the page of a run, in each of `PAGES`."""
    from tests.support.browser import Browser

    printed(f"{COMMAND} --html page.html", directory)
    browser = Browser()
    try:
        for name, (width, theme) in PAGES.items():
            browser.resize(width, _HEIGHT)
            browser.prefer(theme)
            browser.open((directory / "leaky" / "page.html").as_uri())
            (IMAGES / name).write_bytes(base64.b64decode(browser.photograph()))
    finally:
        browser.close()


def main() -> None:
    """Take all pictures."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        take_terminal(Path(directory))
        take_pages(Path(directory))


if __name__ == "__main__":
    main()
