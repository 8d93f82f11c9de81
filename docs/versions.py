"""Build the site of all versions: `make site`.

Each tag `v*` becomes a directory of `docs/_build/site`, the work tree the directory `dev`. The
start page leads to the newest release, or to `dev` before the first one.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = ROOT / "docs" / "_build" / "site"
_START = """\
<!doctype html>
<meta charset="utf-8">
<title>tidytest</title>
<meta http-equiv="refresh" content="0; url={name}/">
<a href="{name}/">tidytest {name}</a>
"""


def main() -> None:
    """Build every version, and the start page."""
    shutil.rmtree(SITE, ignore_errors=True)
    tags = _git("tag", "--list", "v*", "--sort=-version:refname").split()
    names = ["dev", *(tag[1:] for tag in tags)]
    _build(ROOT, "dev", names)
    for tag in tags:
        with tempfile.TemporaryDirectory() as directory:
            tree = Path(directory) / "tree"
            _git("worktree", "add", "--detach", str(tree), tag)
            try:
                _build(tree, tag[1:], names)
            finally:
                _git("worktree", "remove", "--force", str(tree))
    (SITE / "index.html").write_text(_START.format(name=[*names[1:], "dev"][0]), encoding="utf-8")


def _git(*words: str) -> str:
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _build(tree: Path, name: str, names: list[str]) -> None:
    subprocess.run(
        [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "docs", str(SITE / name)],
        cwd=tree, check=True, env={**os.environ, "DOCS_VERSIONS": " ".join(names)},
    )  # fmt: skip


if __name__ == "__main__":
    main()
