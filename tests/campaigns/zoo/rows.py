"""What a row of the zoo is: a way to leave something behind, and what the report must say of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

TEMP, PROJECT, TMP, HOME, SHM, SLASH_TMP = "temp", "project", "tmp", "home", "shm", "slash-tmp"
PLACES = (TEMP, PROJECT, TMP, HOME, SHM, SLASH_TMP)
"""The temp directory, the working directory, a hard-coded directory below the real /tmp, $HOME,
/dev/shm, and /tmp itself."""

USUAL = (TEMP, PROJECT)
EVERYWHERE = PLACES


@dataclass(frozen=True, slots=True)
class Limit:
    """What cannot be reported of a way in some place, and what is accepted instead.

    `absent`: not reported at all. `apart`: listed as unattributed. `wider`: under the module,
    class or run of the test. In no case under another test.
    """

    reason: str
    absent: bool = False
    apart: bool = False
    wider: bool = False


@dataclass(frozen=True, slots=True)
class Expected:
    """One leak that the report must hold. A tuple of values means that any of them is right.

    `name` is the entry's name in its place ({stem} is the row's own; `*` matches anything);
    `origin` says whether an origin must be there, or may be null. `marks` are the comments on
    the lines that may be its origin, in `file`, and `caller` is the one on the line of the test
    that must be named as its caller. `test` is a method of the class `Row`, the name of
    another class, or after a dot the whole id. `extra` are further keys with their values.
    """

    name: str = "{stem}"
    type: str = "file"
    call: tuple[str, ...] = ("open",)
    function: tuple[str, ...] = ("test_leak",)
    evidence: tuple[str, ...] = ("observed",)
    scope: tuple[str, ...] = ("test",)
    test: tuple[str, ...] = ("test_leak",)
    marks: tuple[str, ...] = ("LEAK",)
    file: str = "{module}.py"
    origin: bool = True
    caller: str = ""
    extra: Mapping[str, object] = field(default_factory=dict)
    vanishes: bool = False
    entries: int | None = None
    outcome: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A modification that the report must hold: the name of a file of the project, and how."""

    name: str
    change: str
    test: str = "test_leak"


@dataclass(frozen=True, slots=True)
class Way:
    """A way to leave something behind (or, without `leaks`, to leave nothing).

    `body` is the body of the test method, or with `whole` the rest of the module. `needs` are
    modules and `programs` commands, without which the row is skipped. `limits` are
    by place. `alone` rows cannot share a process with others. `files` are further files of the
    project. `says` must occur in the runner's output, `silent` must not.
    """

    name: str
    body: str
    leaks: tuple[Expected, ...] = (Expected(),)
    places: tuple[str, ...] = USUAL
    imports: str = ""
    whole: bool = False
    asynchronous: bool = False
    after: str = "pass"
    needs: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    since: tuple[int, int] = (3, 11)
    args: tuple[str, ...] = ()
    status: int = 0
    limits: Mapping[str, Limit] = field(default_factory=dict)
    alone: bool = False
    files: Mapping[str, str] = field(default_factory=dict)
    says: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()
    modifies: tuple[Change, ...] = ()

    @property
    def slug(self) -> str:
        """The name as part of a file name."""
        return re.sub(r"\W+", "_", self.name.lower().replace("+", "_plus")).strip("_")

    @property
    def module(self) -> str:
        """The name of the test module made for this row."""
        return f"test_{self.slug}"


def line(
    name: str, code: str, call: str | tuple[str, ...] = "open", /, **more: object
) -> Way:
    """Make a row whose leak is made by one line; further keywords go to `Expected` or `Way`."""
    calls = (call,) if isinstance(call, str) else call
    return way(name, code + "  # LEAK", call=calls, **more)


def way(name: str, body: str, /, **more: object) -> Way:
    """Make a row with one leak; further keywords go to `Expected` or `Way`, by their name."""
    expected = {key: more.pop(key) for key in list(more) if key in Expected.__slots__}
    leak = replace(Expected(), **expected)  # type: ignore[arg-type]
    return replace(Way(name, body, (leak,)), **more)  # type: ignore[arg-type]


def innocent(name: str, body: str, /, **more: object) -> Way:
    """Make a row that leaves nothing a report may name."""
    return replace(Way(name, body, ()), **more)  # type: ignore[arg-type]


DEEP = "only the top of shared directories is swept, not what lies deeper"
SHARED = "in a shared directory, without an event, nothing ties it to the test"
NO_EVENT = "native code raises no event; the project tree is swept when the module ends"

UNNAMED = "others write there too, and neither command line nor script holds the name"

BY_CHILD = {
    TMP: Limit(DEEP, absent=True, apart=True),
    HOME: Limit(SHARED, apart=True),
    SHM: Limit(SHARED, apart=True),
    SLASH_TMP: Limit(SHARED, apart=True),
}
"""Made by a child outside the temp directory and the project."""

BY_NATIVE = {
    PROJECT: Limit(NO_EVENT, wider=True, apart=True),
    TMP: Limit(DEEP, absent=True, apart=True, wider=True),
    HOME: Limit(SHARED, apart=True, wider=True),
    SHM: Limit(SHARED, apart=True, wider=True),
    SLASH_TMP: Limit(SHARED, apart=True, wider=True),
}
"""Made by native code outside the temp directory."""

SCANNED = ("scanned",)
TRACED = ("traced",)
EITHER = ("observed", "traced", "scanned")
