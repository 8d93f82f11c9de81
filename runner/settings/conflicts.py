"""Settings that do not go together: refused where one place asks for both, else settled.

A setting that is of no use without another is refused on the command line, and in the environment
if that or a file makes it useless. In a file it lies idle, so that the file can say how coverage is
reported in those runs that measure it. Of two that exclude each other the one from the stronger
place wins, and the other is set aside.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

from ..errors import UsageError
from .config import DEFAULT_BASELINE, STATE_FILE
from .layers import DEFAULT, FROM_ARGV, FROM_FILE, Setting, Settings
from .options import BY_NAME


class _Need(NamedTuple):
    """`names` are of use only if `fits` is true of the value of `other`; `say` is that in words.
    `default_counts` tells whether an `other` that nobody set counts as unfit."""

    names: tuple[str, ...]
    other: str
    fits: Callable[[Any], bool]
    say: str
    default_counts: bool = True


_NEEDS = (
    _Need(
        ("leak-trace", "leak-ignore", "watch-modified", "clean-outside", "leak-baseline",
         "update-baseline", "strict-baseline", "until-leak", "leaked-last", "late-grace",
         "leak-json", "slowest-temp", "keep"),
        "leaks", lambda leaks: leaks != "off", "--leaks report or fail",
    ),
    _Need(
        ("update-baseline", "strict-baseline"),
        "leak-baseline", lambda path: path != "", "--leak-baseline",
    ),
    _Need(("coverage-report", "coverage-fail-under"), "coverage", bool, "--coverage"),
    _Need(("temp-root-min-free",), "temp-root", lambda root: root == "ram", "--temp-root ram"),
    # Without any --keep the directory is still where `artifactPath` puts what is always kept.
    _Need(
        ("keep-dir", "keep-runs", "keep-bytes"),
        "keep", lambda keep: keep != "never", "--keep on-failure or always", False,
    ),
)  # fmt: skip
_EXCLUSIVE = (
    ("shuffle", "reverse"),
    ("update-baseline", "strict-baseline"),
    ("pdb", "progress"),
    ("until-leak", "update-baseline"),
    ("version", "completion"),
    ("version", "show-settings"),
    ("completion", "show-settings"),
)
OUTPUTS = ("leak-json", "junit-xml", "html", "monitor", "leak-baseline")


def settle(settings: Settings, *, verbose: bool) -> None:
    """Set aside what a stronger place excludes.

    Parameters:
        settings: complete settings; changed in place.
        verbose: whether unittest's `-v` is on.

    Raises:
        UsageError: two settings contradict each other.
    """
    for first, second in _EXCLUSIVE:
        _exclude(settings, first, second)
    for need in _NEEDS:
        for name in need.names:
            _require(settings, name, need)
    _refuse_strictness_for_nothing(settings)
    if verbose and _is_active(settings, "progress"):
        if settings["progress"].rank == FROM_ARGV:
            raise UsageError("--progress and -v contradict each other")
        _set_aside(settings, "progress", "-v")
    _refuse_shared_output(settings)


def _exclude(settings: Settings, first: str, second: str) -> None:
    if not (_is_active(settings, first) and _is_active(settings, second)):
        return
    if settings[first].rank == settings[second].rank:
        raise UsageError(
            f"{_told(settings, first)} and {_told(settings, second)} contradict each other"
        )
    weaker, stronger = sorted((first, second), key=lambda name: settings[name].rank)
    _set_aside(settings, weaker, _told(settings, stronger))


def _require(settings: Settings, name: str, need: _Need) -> None:
    mine, other = settings[name], settings[need.other]
    if not _is_active(settings, name) or need.fits(other.value):
        return
    if other.rank == DEFAULT:
        refused = need.default_counts and mine.rank == FROM_ARGV
    else:
        refused = mine.rank >= other.rank and mine.rank > FROM_FILE
    if refused:
        value = BY_NAME[need.other].type.show(other.value) or "off"
        raise UsageError(
            f"{_told(settings, name)} needs {need.say}, and {need.other} is {value}"
            f" ({other.source})"
        )


def _refuse_strictness_for_nothing(settings: Settings) -> None:
    strict, path = settings["strict-baseline"], settings["leak-baseline"].value
    if not _is_active(settings, "strict-baseline") or strict.rank != FROM_ARGV or path is not None:
        return
    if not os.path.lexists(DEFAULT_BASELINE):
        raise UsageError(
            f"--strict-baseline needs --leak-baseline FILE, or a {DEFAULT_BASELINE} where it runs"
        )


def _refuse_shared_output(settings: Settings) -> None:
    taken = {os.path.realpath(STATE_FILE): f"the state between runs ({STATE_FILE})"}
    for name in OUTPUTS:
        path = settings[name].value
        if name == "leak-baseline" and path is None:
            path = DEFAULT_BASELINE  # one that is there is read without being asked for
        if not path or path == os.devnull:
            continue
        path = path if path == "-" else os.path.realpath(path)
        if path in taken:
            both = f"{taken[path]} and {_told(settings, name)}"
            raise UsageError(f"{both} name the same file")
        taken[path] = _told(settings, name)


def _is_active(settings: Settings, name: str) -> bool:
    """Return whether a setting asks for something: it is set, and not to the value for nothing."""
    option, setting = BY_NAME[name], settings[name]
    nothing: tuple[object, ...] = ()
    if option.default in (None, False, ()):
        nothing = (None, False, (), "")  # which is what --no-leak-baseline makes it
    elif name == "keep":
        nothing = ("never",)
    # By identity or equal type: the seed 0 is not False.
    return setting.rank > DEFAULT and not any(
        setting.value == none and type(setting.value) is type(none) for none in nothing
    )


def _set_aside(settings: Settings, name: str, by: str) -> None:
    settings[name] = Setting(BY_NAME[name].default, DEFAULT, f"default, set aside by {by}")


def _told(settings: Settings, name: str) -> str:
    setting = settings[name]
    return f"--{name}" if setting.rank == FROM_ARGV else f"{name} ({setting.source})"
