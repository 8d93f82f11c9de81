"""Refuse or settle settings that contradict each other.

Of two settings that exclude each other, the one from the stronger place wins and the other is reset
to its default; two from the same place are refused. A setting that has no effect without another
one is refused on the command line, and in the environment if the environment or a file disables
that other one. In a file it is allowed, so that a file can say how coverage is reported in the runs
that measure it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .. import cache
from ..errors import UsageError
from .config import DEFAULT_BASELINE
from .layers import DEFAULT, FROM_ARGV, FROM_FILE, Setting, Settings
from .options import BY_NAME
from .parser import Arguments


@dataclass(frozen=True, slots=True)
class _Need:
    """The settings `names` have an effect only if `fits` is true of the value of `other`.

    `words` say so in a message. `default_counts` tells whether the default of `other` is refused.
    """

    names: tuple[str, ...]
    other: str
    fits: Callable[[Any], bool]
    words: str
    default_counts: bool = True


_NEEDS = (
    _Need(
        ("leak-trace", "leak-ignore", "watch-modified", "detect", "trace-children",
         "clean-outside", "leak-baseline", "update-baseline", "strict-baseline", "until-leak",
         "leaked-last", "late-grace", "leak-json", "gitlab-quality", "sarif", "leak-lines",
         "slowest-temp", "keep", "leaks-shown", "show-unattributed"),
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
    _Need(("flaky",), "retries", bool, "--retries"),
    _Need(("workers-wait", "ship"), "workers", bool, "--workers"),
    _Need(("diff", "apply"), "fix", bool, "--fix"),
    _Need(("force",), "apply", bool, "--apply"),
)  # fmt: skip
_EXCLUSIVE = (
    ("shuffle", "reverse"),
    ("update-baseline", "strict-baseline"),
    ("pdb", "progress"),
    ("pdb", "parity"),
    *((name, other) for name in ("replay", "parity")
      for other in ("reverse", "repeat", "last-failed", "leaked-last", "update-baseline")),
    ("diff", "apply"),
    *(("fix", name) for name in ("replay", "parity", "pdb", "until-leak", "list")),
    ("replay", "shuffle"),
    ("replay", "jobs"),
    ("parity", "retries"),
    ("replay", "parity"),
    ("parity", "until-leak"),
    ("pdb", "jobs"),
    ("pdb", "timeout"),
    *(("workers", other) for other in ("jobs", "replay", "parity", "pdb", "until-leak")),
    ("pdb", "retries"),
    ("until-leak", "update-baseline"),
    ("until-leak", "retries"),
    *(("shard", name) for name in ("replay", "parity")),
    *(("list", name) for name in ("record", "parity", "until-leak")),
    *(("record", name) for name in ("parity", "pdb", "until-leak")),
    ("version", "completion"),
    ("version", "show-settings"),
    ("completion", "show-settings"),
)
_WITH_MERGE = frozenset({
    "merge", "leak-json", "junit-xml", "html", "gitlab-quality", "sarif", "leak-lines", "github",
    "durations", "slowest-temp", "leak-baseline", "update-baseline", "strict-baseline",
    "coverage", "coverage-report", "coverage-fail-under", "durations-file", "reap", "temp-root",
    "temp-root-min-free", "show-settings", "version", "completion",
})  # fmt: skip
"""The options that have an effect with `--merge`; the others are those of the run itself."""
_OFF: dict[str, object] = {"keep": "never", "retries": 0, "jobs": 1}
"""The values that switch an option off where its default does, and is not empty."""
OUTPUTS = (
    "leak-json", "junit-xml", "html", "gitlab-quality", "sarif", "record", "monitor",
    "leak-baseline", "durations-file",
)


def settle(settings: Settings, arguments: Arguments) -> None:
    """Reset the settings that a setting of a stronger place excludes.

    Args:
        settings: complete settings; changed in place.
        arguments: the command line, which may have unittest's `-v`.

    Raises:
        UsageError: two settings contradict each other.
    """
    for first, second in _EXCLUSIVE:
        _exclude(settings, first, second)
    for name in BY_NAME.keys() - _WITH_MERGE:
        _exclude(settings, "merge", name)
    for need in _NEEDS:
        for name in need.names:
            _require(settings, name, need)
    _refuse_strict_without_baseline(settings)
    _refuse_without_workers(settings)
    if settings["shard"].value and settings["shuffle"].value is True:
        raise UsageError("--shard needs one order for all shards: --shuffle SEED")
    if _is_active(settings, "progress") and arguments.is_verbose():
        if settings["progress"].rank == FROM_ARGV:
            raise UsageError("--progress and -v contradict each other")
        _reset(settings, "progress", "-v")
    if settings["parity"].value and arguments.fails_fast():
        raise UsageError("--parity and -f contradict each other")
    _refuse_shared_output(settings)


def _exclude(settings: Settings, first: str, second: str) -> None:
    if not (_is_active(settings, first) and _is_active(settings, second)):
        return
    if settings[first].rank == settings[second].rank:
        raise UsageError(
            f"{_named(settings, first)} and {_named(settings, second)} contradict each other"
        )
    weaker, stronger = sorted((first, second), key=lambda name: settings[name].rank)
    _reset(settings, weaker, _named(settings, stronger))


def _require(settings: Settings, name: str, need: _Need) -> None:
    mine, other = settings[name], settings[need.other]
    if not _is_active(settings, name) or need.fits(other.value):
        return
    if other.rank == DEFAULT:
        refused = need.default_counts and mine.rank == FROM_ARGV
    else:
        refused = mine.rank >= other.rank and mine.rank > FROM_FILE
    if refused:
        value = BY_NAME[need.other].type.show(other.value or False) or "off"
        raise UsageError(
            f"{_named(settings, name)} needs {need.words}, and {need.other} is {value}"
            f" ({other.source})"
        )


def _refuse_strict_without_baseline(settings: Settings) -> None:
    strict, path = settings["strict-baseline"], settings["leak-baseline"].value
    if not _is_active(settings, "strict-baseline") or strict.rank != FROM_ARGV or path is not None:
        return
    if not os.path.lexists(DEFAULT_BASELINE):
        raise UsageError(
            f"--strict-baseline needs --leak-baseline FILE, or a {DEFAULT_BASELINE}"
        )


def _refuse_without_workers(settings: Settings) -> None:
    """Refuse options for several workers where there is one, unless `--jobs auto` means one."""
    for name in ("split", "resources", "durations-file"):
        ranks = (settings["jobs"].rank, settings["workers"].rank)
        is_used = name != "resources" and (settings["shard"].value or settings["merge"].value)
        if settings[name].rank == FROM_ARGV and ranks == (DEFAULT, DEFAULT) and not is_used:
            raise UsageError(f"--{name} needs --jobs")


def _refuse_shared_output(settings: Settings) -> None:
    taken = {
        os.path.realpath(name): f"the state between runs ({name})"
        for name in (cache.TESTS, cache.LEAKS, cache.OLD_STATE)
    }
    for name in OUTPUTS:
        path = settings[name].value
        if name == "leak-baseline" and path is None:
            path = DEFAULT_BASELINE  # read by default if it exists
        if not path or path == os.devnull:
            continue
        path = path if path == "-" else os.path.realpath(path)
        if path in taken:
            both = f"{taken[path]} and {_named(settings, name)}"
            raise UsageError(f"{both} name the same file")
        taken[path] = _named(settings, name)


def _is_active(settings: Settings, name: str) -> bool:
    """Return whether a setting is set, and not to the value that switches it off."""
    option, setting = BY_NAME[name], settings[name]
    off_values: tuple[object, ...] = ()
    if option.default in (None, False, ()):
        off_values = (None, False, (), "")  # "" is --no-leak-baseline
    elif name in _OFF:
        off_values = (_OFF[name],)
    # The types are compared too: the seed 0 is not False.
    return setting.rank > DEFAULT and not any(
        setting.value == off and type(setting.value) is type(off) for off in off_values
    )


def _reset(settings: Settings, name: str, by: str) -> None:
    settings[name] = Setting(BY_NAME[name].default, DEFAULT, f"default, set aside by {by}")


def _named(settings: Settings, name: str) -> str:
    setting = settings[name]
    return f"--{name}" if setting.rank == FROM_ARGV else f"{name} ({setting.source})"
