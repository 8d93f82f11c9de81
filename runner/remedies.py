"""Where to begin with many leaks: the worst lines of code, the worst tests, and what helps."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence

from tempfiles.quantities import format_size
from tempfiles.records import Leak
from tempfiles.text import printable

_FEWEST_ORIGINS = 3
_FEWEST_LEAKS = 5
_MOST_TOLD = 3


def advice(leaks: Sequence[Leak]) -> Iterator[str]:
    """Yield the lines on where to begin; none where there are too few leaks for it to help."""
    by_line = _grouped((_line(leak), leak) for leak in leaks if leak.origin is not None)
    if len(leaks) < _FEWEST_LEAKS and len(by_line) < _FEWEST_ORIGINS:
        return
    lines = sorted(by_line.values(), key=lambda group: (-len(group), -_bytes(group)))
    contexts = sorted(
        _grouped((leak.context, leak) for leak in leaks).values(),
        key=lambda group: (-_bytes(group), -sum(leak.entries for leak in group)),
    )
    yield "Where to begin:"
    for group in lines[:_MOST_TOLD]:
        yield f"  {_count(group)}  {_place(group[0])}"
        yield f"      {remedy(group[0])}"
    told = {_line(group[0]) for group in lines[:_MOST_TOLD]}
    for group in contexts[:_MOST_TOLD]:
        yield f"  {_count(group)} in all  {printable(group[0].context)}"
        worst = max(group, key=lambda leak: (leak.bytes, leak.entries))
        if _line(worst) not in told:
            yield f"      {remedy(worst)}"


def remedy(leak: Leak) -> str:
    """Return a line of code that would have prevented a leak, by what made it."""
    call = leak.origin.call if leak.origin is not None else ""
    maker = call.rpartition(".")[2].partition(" ")[0]
    if leak.scope == "test" and leak.where == "temp" and maker in ("open", *_PATH_WRITERS):
        extension = _extension(leak.path)
        return f'path = self.createTempFile(extension="{extension}")  # of TrackedTestCase'
    if maker in ("mkdtemp", "TemporaryDirectory"):
        return f"directory = {_ENTER[leak.scope]}(tempfile.TemporaryDirectory())"
    if leak.type == "directory":
        return f"{_ADD_CLEANUP[leak.scope]}(shutil.rmtree, path)"
    if maker == "NamedTemporaryFile":
        return f"{_ADD_CLEANUP[leak.scope]}(os.unlink, file.name)"
    return f"{_ADD_CLEANUP[leak.scope]}(os.unlink, path)"


_PATH_WRITERS = ("write_text", "write_bytes", "touch")
_ENTER = {
    "test": "self.enterContext",
    "class": "cls.enterClassContext",
    "module": "unittest.enterModuleContext",
    "run": "unittest.enterModuleContext",
    "context": "self.enterContext",
}
_ADD_CLEANUP = {
    "test": "self.addCleanup",
    "class": "cls.addClassCleanup",
    "module": "unittest.addModuleCleanup",
    "run": "unittest.addModuleCleanup",
    "context": "self.addCleanup",
}


def _grouped(keyed: Iterable[tuple[Hashable, Leak]]) -> dict[Hashable, list[Leak]]:
    groups: dict[Hashable, list[Leak]] = {}
    for key, leak in keyed:
        groups.setdefault(key, []).append(leak)
    return groups


def _line(leak: Leak) -> Hashable:
    return (leak.origin.file, leak.origin.line) if leak.origin is not None else None


def _bytes(group: Iterable[Leak]) -> int:
    return sum(leak.bytes for leak in group)


def _count(group: Sequence[Leak]) -> str:
    noun = "leak" if len(group) == 1 else "leaks"
    return f"{len(group)} {noun}, {format_size(_bytes(group))}"


def _place(leak: Leak) -> str:
    return printable(str(leak.origin))


def _extension(path: str) -> str:
    ending = path.rpartition(".")[2]
    return ending if ending.isalnum() and ending.isascii() and len(ending) < 8 else "tmp"
