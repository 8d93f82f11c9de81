"""How Sphinx builds these pages: `make docs`, where a warning is an error."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

import generate  # noqa: E402

from tempfiles import __version__  # noqa: E402

project = "tidytest"
author = "The tidytest authors"
version = release = __version__
extensions = ["myst_parser"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4
html_theme = "furo"
html_title = f"tidytest {version}"
html_show_copyright = False
templates_path = ["_templates"]
html_context = {"versions": os.environ.get("DOCS_VERSIONS", "").split()}  # see versions.py
html_sidebars = {
    "**": [
        "sidebar/brand.html", "sidebar/search.html", "sidebar/scroll-start.html",
        "sidebar/navigation.html", "versions.html", "sidebar/scroll-end.html",
    ]
}  # fmt: skip

generate.write()
