"""The recorder of native programs: a library that the dynamic linker loads into each child.

The build of the package compiles it from `recorder.c` where there is a C compiler. It writes to the
same file as Python children do; see `child_log`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..system import platform

LIBRARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorder.so.1")
_PRELOAD, _VARIABLE = "LD_PRELOAD", "_TIDYTEST_TRACE"
_NO_ORIGIN = "-" * 32  # the first process that is started writes its own name there
_SEPARATORS = (" ", ":")  # of LD_PRELOAD, which has no escape for them


def check() -> None:
    """Refuse to trace native programs where that cannot work.

    Raises:
        SettingError: the system is another one, or the recorder is not there.
    """
    reason = _reason()
    if reason:
        from ..errors import SettingError

        raise SettingError(f"--trace-children: {reason}")


def _reason() -> str:
    if not platform.has_glibc():
        return "programs can be traced on Linux with glibc only"
    if not os.path.isfile(LIBRARY):
        return (
            "the recorder is not built; install a C compiler, then tidytest again from its source"
            " with TIDYTEST_NATIVE=1"
        )
    if any(separator in LIBRARY for separator in _SEPARATORS):
        return f"LD_PRELOAD cannot name a path with a space or colon: {LIBRARY}"
    return ""


def variables(log: str, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that load the recorder into children.

    Args:
        log: the file that it appends to, which must exist.
        environment: the present one, whose own libraries stay the first ones.
    """
    before = environment.get(_PRELOAD, "")
    libraries = before if LIBRARY in before.split(":") else f"{before}:{LIBRARY}".lstrip(":")
    return {_PRELOAD: libraries, _VARIABLE: f"{_NO_ORIGIN}:{log}"}
