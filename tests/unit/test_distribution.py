"""What is distributed: the sources as an archive, with all that their tests need."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MADE = {"PKG-INFO"}
ONLY_IN_THE_REPOSITORY = (".git", ".ci/")


def tracked() -> list[str]:
    """Return the files that git knows, none outside of a repository."""
    if shutil.which("git") is None or not (ROOT / ".git").exists():
        return []
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    names = [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]
    return [name for name in names if not name.startswith(ONLY_IN_THE_REPOSITORY)]


@unittest.skipUnless(find_spec("setuptools"), "setuptools is not installed")
@unittest.skipUnless(tracked(), "this is no repository")
class SourceArchiveTests(unittest.TestCase):
    def test_it_holds_every_file_and_nothing_that_lies_about(self) -> None:
        top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in (*tracked(), *(part + "/x.pyc" for part in ("tests", "docs/_build"))):
            target = top / "tree" / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if (ROOT / name).exists():
                shutil.copy(ROOT / name, target)
            else:
                target.touch()
        made = subprocess.run(
            [sys.executable, "setup.py", "-q", "sdist", "--dist-dir", str(top)],
            cwd=top / "tree", capture_output=True, text=True,
        )
        self.assertEqual(made.returncode, 0, made.stderr)
        (archive,) = top.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            files = [member.name.partition("/")[2] for member in tar if member.isfile()]
        found = {name for name in files if "egg-info/" not in name} - MADE
        self.assertEqual(found ^ set(tracked()), set())
