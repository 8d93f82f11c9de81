"""A suite of strangers: nose2's own tests, from its source distribution."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

from tests.campaigns.parity.sides import Job

PROJECT = "nose2"
# What its tests import, and what the runner does.
REQUIREMENTS = ("coverage", "colorama", "junitparser")

TIMEOUT = 1800.0  # seconds; one of its tests is a stress test, which takes minutes


def prepare(python: str, directory: Path) -> tuple[str, Job]:
    """Download and unpack the project, and make a virtual environment with what it needs.

    Returns:
        The environment's interpreter, and the job.

    Raises:
        subprocess.CalledProcessError: the download or an installation failed.
    """
    subprocess.run([python, "-m", "venv", str(directory / "venv")], check=True)
    inside = directory / "venv" / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    pip = [str(inside), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "download", "--no-deps", "--no-binary", ":all:", "-d", str(directory), PROJECT],
        check=True,
    )
    archive = next(directory.glob(f"{PROJECT}-*.tar.gz"))
    with tarfile.open(archive) as tar:
        tar.extractall(directory, filter="data")
    subprocess.run([*pip, "install", str(archive), *REQUIREMENTS], check=True)
    source = directory / archive.name.removesuffix(".tar.gz")
    arguments = ("discover", "-v", "-t", ".", "-s", "nose2/tests")
    return str(inside), Job(archive.name, arguments, source=source, timeout=TIMEOUT)
