"""What is measured on, with what, and when: the head of the page."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import tempfiles
from tempfiles.system.procfs import file_system_type

from .native import compiler
from .places import SHARED_MEMORY

_REPOSITORY = Path(__file__).resolve().parents[1]


def machine() -> list[str]:
    """Return lines that say what was measured on, with which versions, and when."""
    uname = platform.uname()
    return [
        f"{date.today().isoformat()}, tidytest {tempfiles.__version__}, {_commit()}",
        f"{platform.python_implementation()} {platform.python_version()} "
        f"({Path(sys.executable).name})",
        f"rivals: {'; '.join(_rivals())}",
        f"{uname.system} {uname.release} {uname.machine}, {os.cpu_count()} x {_processor()}, "
        f"{_memory()}, {_load()}",
        f"default temp directory, {tempfile.gettempdir()}: {_file_system(tempfile.gettempdir())}; "
        f"{SHARED_MEMORY}: {_file_system(SHARED_MEMORY)}",
    ]


def _commit() -> str:
    commit = _first_line("git", "-C", str(_REPOSITORY), "rev-parse", "--short=12", "HEAD")
    if not commit:
        return "commit unknown"
    # The page of results is what a run changes itself.
    changed = _first_line("git", "-C", str(_REPOSITORY), "status", "--porcelain", "--",
                          ".", ":!benchmarks/results.md")
    return f"commit {commit}{' and changes' if changed else ''}"


def _rivals() -> list[str]:
    found = {
        "pytest": _first_line(sys.executable, "-m", "pytest", "--version"),
        "rm": _first_line("rm", "--version"),
        "C compiler": _first_line(compiler() or "cc", "--version"),
        "valgrind": _first_line("valgrind", "--version"),
    }
    return [version or f"no {name}" for name, version in found.items()]


def _first_line(*command: str) -> str:
    """Return the first line that a command prints; empty if it fails or is not there."""
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    lines = done.stdout.splitlines()
    return lines[0].strip() if lines and not done.returncode else ""


def _processor() -> str:
    return _field("/proc/cpuinfo", "model name") or platform.processor() or "unknown processor"


def _memory() -> str:
    kilobytes = _field("/proc/meminfo", "MemTotal").split()
    return f"{int(kilobytes[0]) / 1e6:.1f} GB memory" if kilobytes else "memory unknown"


def _field(file: str, name: str) -> str:
    """Return the first value of a name in a file of lines `name: value`; empty if unknown."""
    try:
        lines = Path(file).read_text(encoding="utf-8").splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _load() -> str:
    return f"load {os.getloadavg()[0]:.1f} at the start"


def _file_system(path: str) -> str:
    if not os.path.isdir(path):
        return "missing"
    status = os.statvfs(path)
    free = status.f_bavail * status.f_frsize / 1e9
    return f"{file_system_type(path) or 'unknown'}, {free:.1f} GB free"

