"""Run real suites under pytest with and without the plugin, serially and with `-n 2`.

    python -m tests.campaigns.hosts [--only NAME] [--rounds N] [--place DIR]

The suites are pinned source distributions. Each is installed with its requirements into an
environment of its own. The outcomes of all tests must be equal; each leak in the temp directory is
compared with a listing of what the run without the plugin left there, by names without their random
parts, and each leak outside must be on the disk. The CPU time of the serial runs gives the ratio.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import tempfile
import venv
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from benchmarks.pinned import Suite, pip

PROJECT = Path(__file__).resolve().parents[2]
_RANDOM = re.compile(r"(?<![a-z0-9])[a-z0-9_]{8}(?![a-z0-9])|(?<=tmp)[a-z0-9_]{8}|[0-9a-f]{6,}|\d+")
_LIMIT = 1200  # seconds for one run of a suite
_MOST = 1.05  # times the CPU seconds without the plugin, where nothing leaks
_SHORT = 5.0  # CPU seconds; the start of the plugin takes 0.1, more than 5 % of a shorter run


SUITES = (
    Suite("platformdirs", "4.3.6", ("tests",), ("appdirs", "pytest-mock")),
    Suite("flask", "3.1.0", ("tests",)),
    Suite("nox", "2024.10.9", ("tests",), ("py", "uv")),
    Suite("joblib", "1.4.2", ("joblib/test/test_memory.py", "joblib/test/test_hashing.py",
                              "joblib/test/test_disk.py")),
    Suite("ipython", "8.29.0", ("IPython/core/tests/test_history.py",
                                "IPython/core/tests/test_magic.py", "IPython/utils"),
          ("testpath", "pickleshare", "pytest-asyncio<0.22")),
    Suite("djangorestframework", "3.15.2",
          ("tests/test_fields.py", "tests/test_serializer.py", "tests/test_views.py"),
          ("pytest-django", "pytz", "django<6")),
)  # fmt: skip


class Ran(NamedTuple):
    """One run: its exit code, the outcome of each test, leaks, what it left, and CPU seconds."""

    code: int
    outcomes: dict[str, str]
    leaks: list[dict[str, str]]
    left: Counter[str]
    seconds: float
    output: str


class Ground:
    """The place where one suite is unpacked, installed and run."""

    def __init__(self, suite: Suite, place: Path) -> None:
        self._suite = suite
        self._place = place / suite.name
        self._place.mkdir()
        self._python = self._place / "env/bin/python"

    def prepare(self) -> None:
        """Download, unpack and install the suite."""
        venv.create(self._place / "env", with_pip=True)
        suite = self._suite
        self.source = suite.unpack(self._place)
        pip("install", "-e", str(PROJECT), "pytest>=8,<9", "pytest-xdist",
            *suite.requires, str(self.source), python=self._python)  # fmt: skip

    def run(self, *words: str) -> Ran:
        """Run the suite in a temp directory of its own."""
        with tempfile.TemporaryDirectory(dir=self._place) as directory:
            files = Path(directory)
            temp = files / "temp"
            temp.mkdir()
            environment = {**os.environ, "TMPDIR": str(temp), "PYTHONDONTWRITEBYTECODE": "1"}
            before = os.times()
            done = subprocess.run(
                [str(self._python), "-m", "pytest", "-q", "-p", "no:cacheprovider",
                 f"--junit-xml={files}/junit.xml", *self._suite.words,
                 *(word.replace("FILES", directory) for word in words)],
                cwd=self.source, env=environment, timeout=_LIMIT, check=False,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                errors="replace",
            )  # fmt: skip
            after = os.times()
            cpu = after.children_user + after.children_system
            cpu -= before.children_user + before.children_system
            report = files / "leaks.json"
            leaks = json.loads(report.read_text("utf-8"))["leaks"] if report.exists() else []
            outside = [leak["path"] for leak in leaks if leak["where"] == "outside"]
            missing = [path for path in outside if not os.path.lexists(path)]
            if missing:
                raise SystemExit(f"reported, but not on the disk: {missing}")
            left = Counter(
                shape(name) for name in os.listdir(temp) if not name.startswith("pytest-of-")
            )
            return Ran(done.returncode, outcomes(files / "junit.xml"), leaks, left, cpu,
                       done.stdout)


def shape(name: str) -> str:
    """Return a name without its random parts and numbers."""
    return _RANDOM.sub("*", name)


def outcomes(path: Path) -> dict[str, str]:
    """Return the outcome of each test of a JUnit report."""
    if not path.exists():
        return {}
    found: dict[str, str] = {}
    for case in ET.parse(path).iter("testcase"):
        id = f"{case.get('classname')}::{case.get('name')}"
        found[id] = " ".join(sorted(part.tag for part in case if part.tag != "system-out"))
    return found


def complaints(without: Ran, with_: Ran) -> list[str]:
    """Return what a run with the plugin did otherwise, or reported wrongly."""
    found = []
    changed = [
        f"{id}: {without.outcomes.get(id)!r}, with the plugin {with_.outcomes.get(id)!r}"
        for id in sorted(without.outcomes.keys() | with_.outcomes.keys())
        if without.outcomes.get(id) != with_.outcomes.get(id)
    ]
    found += changed[:10]
    if without.code != with_.code:
        found.append(f"exit code {without.code}, with the plugin {with_.code}")
    reported = Counter(
        shape(os.path.basename(leak["path"])) for leak in with_.leaks if leak["where"] == "temp"
    )
    found += [f"reported, not in the listing: {number} {name}"
              for name, number in sorted((reported - without.left).items())]
    found += [f"in the listing, not reported: {number} {name}"
              for name, number in sorted((without.left - reported).items())]
    if with_.left:
        found.append(f"left in the temp directory with the plugin: {dict(with_.left)}")
    return found


def compare(ground: Ground, rounds: int) -> list[str]:
    """Run a suite in all ways; print a line a way, and return the complaints."""
    found: list[str] = []
    for way in ((), ("-n", "2")):
        pairs = [
            (ground.run("-p", "no:tidytest", *way),
             ground.run("--leak-json=FILES/leaks.json", *way))
            for _ in range(rounds if not way else 1)
        ]  # fmt: skip
        without, with_ = pairs[0]
        if without.code not in (0, 1) or not without.outcomes:
            return [f"the suite does not run:\n{without.output[-2000:]}"]
        name = " ".join(way) or "serially"
        found += (f"{name}: {text}" for text in complaints(without, with_))
        least = min(a.seconds for a, _ in pairs)
        ratio = min(b.seconds for _, b in pairs) / least
        print(f"  {name}: {len(without.outcomes)} tests, {len(with_.leaks)} leaks, "
              f"{least:.1f} CPU seconds x {ratio:.3f}", flush=True)
        if not way and not with_.leaks and least > _SHORT and ratio > _MOST:
            found.append(f"{name}: {ratio:.3f} times the CPU time, more than {_MOST}")
    return found


def main(argv: list[str] | None = None) -> int:
    """Compare, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.hosts", description=__doc__)
    parser.add_argument("--only", choices=[suite.name for suite in SUITES], action="append")
    parser.add_argument("--rounds", type=int, default=3, help="pairs of serial runs")
    parser.add_argument("--place", help="where to unpack and install (default: the temp directory)")
    options = parser.parse_args(argv)
    failed = False
    with tempfile.TemporaryDirectory(dir=options.place, prefix="hosts-") as place:
        for suite in SUITES:
            if options.only and suite.name not in options.only:
                continue
            started = monotonic()
            print(suite, flush=True)
            ground = Ground(suite, Path(place))
            try:
                ground.prepare()
            except (subprocess.CalledProcessError, ValueError) as error:
                reason = getattr(error, "stderr", str(error)).strip().rpartition("\n")[2]
                print(f"  SKIPPED: it cannot be installed: {reason}")
                continue
            for text in compare(ground, options.rounds):
                failed = True
                print(f"  {text}")
            print(f"  {monotonic() - started:.0f} s", flush=True)
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
