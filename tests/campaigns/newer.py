"""Run the tests on newer Pythons than this system has: those of Debian's unstable distribution.

    python -m tests.campaigns.newer [--only VERSION] [--place DIR]

debootstrap installs it into a directory, which takes minutes and 1.5 GB once. The tests run there
in a chroot, which needs root; what is mounted for them is mounted for these processes only.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import tarfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
VERSIONS = ("3.14", "3.15")
_MIRROR = "http://deb.debian.org/debian"
_PACKAGES = ("e2fsprogs", "gcc", "git", "libc6-dev", "make", "procps")
_FROM_HERE = ("etc/resolv.conf", "etc/pip.conf", "etc/ssl/certs/ca-certificates.crt")
_ENTER = """
mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/tmp" &&
mount --rbind /dev "$0/dev" && mount --rbind /sys "$0/sys" &&
exec chroot "$0" sh -c 'cd /work && exec "$@"' sh "$@"
"""


def obstacle() -> str:
    """Return why this cannot be done here; empty if it can be tried."""
    if not hasattr(os, "geteuid") or os.geteuid():
        return "chroot needs root"
    missing = [name for name in ("debootstrap", "unshare", "git") if shutil.which(name) is None]
    return f"not installed: {', '.join(missing)}" if missing else ""


def install(place: Path) -> None:
    """Install the distribution with its Pythons, unless it is there.

    Raises:
        subprocess.CalledProcessError: debootstrap or apt has failed.
    """
    if not (place / "usr/bin/env").exists():
        packages = ",".join(_PACKAGES)
        subprocess.run(["debootstrap", "--variant=minbase", f"--include={packages}", "sid",
                        str(place), _MIRROR], check=True)  # fmt: skip
    (place / "work").mkdir(exist_ok=True)
    _copy_settings(place)
    if not all((place / f"usr/bin/python{version}").exists() for version in VERSIONS):
        pythons = [name.format(version) for version in VERSIONS
                   for name in ("python{}-venv", "libpython{}-testsuite")]  # fmt: skip
        # A mirror may lag behind the date until which its list of packages is valid.
        update = ("apt-get", "update", "-qq", "-o", "Acquire::Check-Valid-Until=false")
        enter(place, *update).check_returncode()
        enter(place, "apt-get", "install", "-qq", "--no-install-recommends", "--yes",
              *pythons).check_returncode()  # fmt: skip
        _copy_settings(place)  # a package has written its own certificates


def _copy_settings(place: Path) -> None:
    for name in _FROM_HERE:
        if Path("/", name).exists():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path("/", name), place / name)


def enter(place: Path, *command: str) -> subprocess.CompletedProcess[bytes]:
    """Run a command in the copy of this project there."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}
    words = ["unshare", "--mount", "sh", "-c", _ENTER, str(place), *command]
    return subprocess.run(words, env=environment, check=False)


def copy_project(work: Path) -> None:
    """Replace the copy of this project, but keep its environments."""
    for path in work.iterdir():
        if path.is_dir() and not path.name.startswith(".venv"):
            shutil.rmtree(path)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=PROJECT, check=True, capture_output=True).stdout
    archive = work / "project.tar"
    with tarfile.open(archive, "w") as file:
        for name in filter(None, os.fsdecode(names).split("\0")):
            if (PROJECT / name).exists():
                file.add(PROJECT / name, name)
    with tarfile.open(archive) as file:
        file.extractall(work, filter="tar")
    archive.unlink()


def main(argv: list[str] | None = None) -> int:
    """Install, run the tests on each version, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.campaigns.newer")
    parser.add_argument("--only", choices=VERSIONS, action="append")
    parser.add_argument("--place", type=Path, default=Path("/var/cache/tidytest-newer"),
                        help="where to install it (default: %(default)s)")  # fmt: skip
    options = parser.parse_args(argv)
    reason = obstacle()
    if reason:
        print(f"SKIPPED: {reason}")
        return 0
    try:
        install(options.place)
    except subprocess.CalledProcessError as error:
        print(f"SKIPPED: the distribution cannot be installed: {error}")
        return 0
    copy_project(options.place / "work")
    failed = [
        version for version in options.only or VERSIONS
        if enter(options.place, "make", "test", f"PYTHON=python{version}",
                 f"VENV=.venv-{version}").returncode
    ]  # fmt: skip
    print("Failed on Python " + ", ".join(failed) if failed else "The tests pass.")
    return int(bool(failed))


if __name__ == "__main__":
    raise SystemExit(main())
