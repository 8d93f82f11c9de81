"""How Sphinx builds these pages: `make docs`, where a warning is an error."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import generate  # noqa: E402

from tempfiles import __version__  # noqa: E402

project = "tidytest"
author = "the authors of tidytest"
version = release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {
    "description": "Tests that leave nothing behind",
    "fixed_sidebar": True,
    "page_width": "1140px",
}
html_show_copyright = False

generate.write()
