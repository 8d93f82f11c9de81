"""What is distributed: the sources as an archive, and wheels with and without the recorder."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest
import zipfile
from importlib.util import find_spec
from pathlib import Path

from tempfiles.events import recorder
from tempfiles.system import platform

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


def copy(top: Path) -> Path:
    """Copy the files that git knows into a new directory, and return that."""
    for name in tracked():
        target = top / "tree" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target)
    return top / "tree"


@unittest.skipUnless(find_spec("setuptools"), "setuptools is not installed")
@unittest.skipUnless(tracked(), "this is no repository")
class SourceArchiveTests(unittest.TestCase):
    def test_it_holds_every_file_and_nothing_that_lies_about(self) -> None:
        top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        tree = copy(top)
        for name in ("tests/x.pyc", "docs/_build/x.pyc", "tempfiles/events/recorder.so.1"):
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).touch()
        made = subprocess.run(
            [sys.executable, "setup.py", "-q", "sdist", "--dist-dir", str(top)],
            cwd=tree, capture_output=True, text=True,
        )
        self.assertEqual(made.returncode, 0, made.stderr)
        (archive,) = top.glob("*.tar.gz")
        with tarfile.open(archive) as tar:
            files = [member.name.partition("/")[2] for member in tar if member.isfile()]
            metadata = tar.extractfile(f"{archive.name[:-7]}/PKG-INFO")
            assert metadata is not None
            links = re.findall(r"\]\((?!https://)[^)]*\)", metadata.read().decode())
        self.assertEqual(links, [])  # PyPI has no files to which they could lead
        found = {name for name in files if "egg-info/" not in name} - MADE
        self.assertEqual(found ^ set(tracked()), set())


@unittest.skipUnless(find_spec("setuptools"), "setuptools is not installed")
@unittest.skipUnless(tracked(), "this is no repository")
class WheelTests(unittest.TestCase):
    """The recorder of native programs is a part of a wheel where it can be built."""

    def setUp(self) -> None:
        self.top = Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.tree = copy(self.top)

    def build(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        unset = ("CC", "LDSHARED", "TIDYTEST_NATIVE")
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        return subprocess.run(
            [sys.executable, "setup.py", "-q", *words], cwd=self.tree,
            capture_output=True, text=True, env={**kept, **environment}, check=False,
        )

    def wheel(self, **environment: str) -> tuple[str, list[str]]:
        """Return the tags of a wheel, and its files that are no Python modules."""
        done = self.build("bdist_wheel", "--dist-dir", str(self.top), **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        (path,) = self.top.glob("*.whl")
        with zipfile.ZipFile(path) as wheel:
            libraries = [name for name in wheel.namelist() if "events/recorder" in name]
        return path.stem.partition("-py3-")[2], sorted(libraries)

    def test_wheel_without_a_compiler_is_pure(self) -> None:
        expected = "none-any", ["tempfiles/events/recorder.py"]
        self.assertEqual(self.wheel(PATH="/nowhere"), expected)

    def test_recorder_that_is_left_out(self) -> None:
        self.assertEqual(self.build("build_ext", TIDYTEST_NATIVE="0").returncode, 0)
        self.assertFalse((self.tree / "build").exists())

    def test_missing_compiler_where_the_recorder_is_required(self) -> None:
        done = self.build("build_ext", PATH="/nowhere", TIDYTEST_NATIVE="1")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "TIDYTEST_NATIVE=1 asks for the recorder .*: ")

    @unittest.skipUnless(platform.has_glibc(), "this is no Linux with glibc")
    def test_compiler_that_does_not_work(self) -> None:
        self.assertEqual(self.wheel(CC="false")[1], ["tempfiles/events/recorder.py"])
        done = self.build("build_ext", CC="false", TIDYTEST_NATIVE="1")
        self.assertNotEqual(done.returncode, 0)

    @unittest.skipUnless(platform.has_glibc(), "this is no Linux with glibc")
    @unittest.skipUnless(shutil.which("gcc") or shutil.which("cc"), "there is no C compiler")
    def test_wheel_with_the_recorder_is_for_every_python(self) -> None:
        tags, files = self.wheel(CC=shutil.which("gcc") or "cc", TIDYTEST_NATIVE="1")
        self.assertRegex(tags, r"^none-linux_\w+$")
        library = f"tempfiles/events/{os.path.basename(recorder.LIBRARY)}"
        self.assertEqual(files, ["tempfiles/events/recorder.py", library])
