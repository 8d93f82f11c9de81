"""Run the tests of the integrations with older versions of pytest, its plugins, Django and nose2.

    python -m tests.campaigns.hosts_matrix [--only ROW]

`make test` runs these tests with the newest versions. A row is an environment that has some
packages in an older version, and all others from the environment of this interpreter.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import sysconfig
import tempfile
import venv
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
_PYTEST = ("tests.hosts.test_pytest", "tests.hosts.test_pytest_plugins",
           "tests.hosts.test_pytest_xdist")  # fmt: skip
_DJANGO = ("tests.hosts.test_django",)
_NOSE2 = ("tests.hosts.test_nose2",)


class Row(NamedTuple):
    """A name, what is installed in another version, and the test modules to run."""

    name: str
    requires: tuple[str, ...]
    modules: tuple[str, ...]


ROWS = (
    Row("pytest-8.0", ("pytest==8.0.*", "pytest-xdist==3.5.*", "pytest-asyncio==0.23.*",
                       "pytest-rerunfailures==14.*", "anyio==4.0.*"), _PYTEST),
    Row("pytest-8", ("pytest==8.*", "pytest-xdist", "pytest-asyncio", "pytest-rerunfailures",
                     "anyio"), _PYTEST),
    Row("django-4.2", ("django==4.2.*",), _DJANGO),
    Row("django-5.2", ("django==5.2.*",), _DJANGO),
    Row("nose2-0.15", ("nose2==0.15.*",), _NOSE2),
)  # fmt: skip


def build(row: Row, place: Path) -> Path:
    """Create the environment of a row, and return its interpreter.

    Raises:
        subprocess.CalledProcessError: pip cannot install a version.
    """
    venv.create(place, with_pip=False)
    base = {"base": str(place), "platbase": str(place)}
    site = Path(sysconfig.get_path("purelib", "venv", base))
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(site)]
    subprocess.run([*pip, *row.requires], check=True, capture_output=True, encoding="utf-8")
    ours = sysconfig.get_path("purelib")
    (site / "others.pth").write_text(f"import site; site.addsitedir({ours!r})\n", "utf-8")
    return Path(sysconfig.get_path("scripts", "venv", base), "python")


def main(argv: list[str] | None = None) -> int:
    """Run all rows; print their versions and the tests' own output; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.hosts_matrix")
    parser.add_argument("--only", choices=[row.name for row in ROWS], action="append")
    options = parser.parse_args(argv)
    failed = []
    for row in ROWS:
        if options.only and row.name not in options.only:
            continue
        with tempfile.TemporaryDirectory(prefix="hosts-matrix-") as place:
            try:
                python = build(row, Path(place))
            except subprocess.CalledProcessError as error:
                print(f"{row.name}: SKIPPED: {error.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            print(f"{row.name} on Python {sys.version.split()[0]}", flush=True)
            words = ["-m", "runner", "--leaks", "fail", *row.modules]
            if subprocess.run([python, *words], cwd=PROJECT, check=False).returncode:
                failed.append(row.name)
    print("Failed: " + ", ".join(failed) if failed else "All rows pass.")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
