"""Random trees, contexts and interleavings (hypothesis) against a simple model.

Each run draws a few dozen cases; `TIDYTEST_EXAMPLES=5000` draws that many.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import unittest
from pathlib import Path
from typing import Any

import tempfiles
from tempfiles.registry import contexts, settings

try:
    from hypothesis import HealthCheck, given
    from hypothesis import settings as hypothesis_settings
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
except ImportError as error:
    raise unittest.SkipTest("needs hypothesis") from error

PROFILE = hypothesis_settings(
    max_examples=int(os.environ.get("TIDYTEST_EXAMPLES", "30")),
    stateful_step_count=30,
    deadline=None,
    database=None,
    derandomize="TIDYTEST_EXAMPLES" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
NAMES = st.text(
    st.characters(exclude_characters="/\\\0:", codec="utf-8"), min_size=1, max_size=8
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=20)
CONTENTS = st.one_of(TEXTS, st.binary(max_size=20))
NUMBERS = st.integers(0, 1000)


def flat_trees() -> Any:
    nested = st.recursive(
        st.one_of(CONTENTS, st.none()),
        lambda children: st.dictionaries(NAMES, children, max_size=4),
        max_leaves=12,
    )
    return st.dictionaries(NAMES, nested, max_size=5)


def flatten(tree: dict[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, dict) and value:
            flat.update(flatten(value, f"{above}{name}/"))
        elif value is None or value == {}:
            flat[f"{above}{name}/"] = None
        else:
            flat[above + name] = value
    return flat


class TreeTests(unittest.TestCase):
    @PROFILE
    @given(flat_trees())
    def test_any_tree_comes_back_and_equals_itself(self, tree: dict[str, Any]) -> None:
        with tempfiles.temp_tree(tree) as path:
            self.assertEqual(tempfiles.read_tree(path), flatten(tree))
            tempfiles.assert_tree(path, tree)
        self.assertFalse(path.exists())

    @PROFILE
    @given(flat_trees(), flat_trees())
    def test_different_trees_are_told_apart(self, one: dict[str, Any], two: dict[str, Any]) -> None:
        def stored(tree: dict[str, Any]) -> dict[str, Any]:
            return {n: v.encode() if isinstance(v, str) else v for n, v in flatten(tree).items()}

        with tempfiles.temp_tree(one) as path:
            try:
                tempfiles.assert_tree(path, two)
                same = True
            except AssertionError:
                same = False
        self.assertEqual(same, stored(one) == stored(two))


class NameTests(unittest.TestCase):
    @PROFILE
    @given(st.text(max_size=30) | st.text("./\\ab:C", max_size=12))
    def test_no_name_leads_out_of_a_temp_directory(self, name: str) -> None:
        base = self.enterContext(tempfile.TemporaryDirectory())
        before = settings.current().temp_dir
        tempfiles.set_temp_dir(base)
        try:
            self.check_name(base, name)
        finally:
            tempfiles.configure(temp_dir=before)
            shutil.rmtree(base)
            os.mkdir(base)

    def check_name(self, base: str, name: str) -> None:
        with tempfiles.TempDirectory() as directory:
            try:
                path = directory.create_file(name, "x")
            except (tempfiles.EscapeError, tempfiles.InvalidNameError, tempfiles.FileSystemError):
                pass
            else:
                self.assertTrue(path.resolve().is_relative_to(directory.path.resolve()))
                self.assertEqual(directory.read_file(name), "x")
            self.assertEqual(os.listdir(base), [directory.path.name])


class Machine(RuleBasedStateMachine):
    """A stack of contexts, files and directories in each other's directories, and what goes."""

    @initialize()
    def start(self) -> None:
        self.top = Path(tempfile.mkdtemp())
        self.before = settings.current()
        tempfiles.set_temp_dir(self.top)
        self.loose = self.top / "loose"
        self.loose.write_text("nobody's")
        self.outside = contexts.current()  # of depth 0: the run, or a test that a runner opened
        self.open: list[Any] = []
        self.owner: dict[Path, int] = {}  # path to the depth of its context
        self.directories: set[Path] = set()
        self.kept: set[Path] = set()

    def teardown(self) -> None:
        while self.open:
            self.close()
        tempfiles.cleanup_all(1)
        for path in self.owner:
            holds_kept = any(kept.is_relative_to(path) for kept in self.kept)
            assert path.exists() == holds_kept, path
        assert self.loose.exists()
        tempfiles.configure(temp_dir=self.before.temp_dir)
        shutil.rmtree(self.top)

    def places(self) -> list[Path]:
        return [self.top, *sorted(path for path in self.directories if path.is_dir())]

    @rule(content=CONTENTS)
    def create(self, content: Any) -> None:
        self.owner[tempfiles.create_with_content(content)] = len(self.open)

    @rule(where=NUMBERS)
    def create_directory(self, where: int) -> None:
        places = self.places()
        path = places[where % len(places)] / f"d{len(self.owner)}"
        path.mkdir(exist_ok=True)
        tempfiles.register_directory(path)
        self.kept.discard(path)
        self.owner[path] = len(self.open)
        self.directories.add(path)

    @rule(where=NUMBERS, number=st.integers(0, 5))
    def register_inside(self, where: int, number: int) -> None:
        places = self.places()[1:] or [self.top]
        path = places[where % len(places)] / f"f{number}"
        path.write_text("x" * number)
        tempfiles.register_file(path)
        self.kept.discard(path)
        self.owner[path] = len(self.open)

    @rule(where=NUMBERS)
    def keep(self, where: int) -> None:
        files = sorted(path for path in self.owner if path.is_file())
        if files:
            path = files[where % len(files)]
            tempfiles.keep(path)
            del self.owner[path]
            self.kept.add(path)

    @rule(where=NUMBERS)
    def remove(self, where: int) -> None:
        files = sorted(path for path in self.owner if path.is_file())
        if files:
            path = files[where % len(files)]
            assert tempfiles.remove(path).files == 1
            del self.owner[path]

    @rule()
    def open_context(self) -> None:
        opened = tempfiles.context(f"c{len(self.open) + 1}")
        opened.__enter__()
        self.open.append(opened)

    @rule()
    def close(self) -> None:
        if self.open:
            depth = len(self.open)
            self.check_removal(lambda: self.open.pop().__exit__(None, None, None), depth)

    @rule(where=NUMBERS)
    def clean(self, where: int) -> None:
        depth = where % (len(self.open) + 1)
        id = f"c{depth}" if depth else self.outside.id
        self.check_removal(lambda: tempfiles.cleanup_context(id), depth)

    def check_removal(self, remove: Any, depth: int) -> None:
        mine = {path for path, owner in self.owner.items() if owner == depth}
        others = {path for path in self.owner if path not in mine and os.path.lexists(path)}
        before = self.snapshot()
        reports: list[Any] = []
        listener = tempfiles.on_context_close(lambda report: reports.append(report.removal))
        try:
            result = remove()
        finally:
            tempfiles.remove_callback(listener)
        report = reports[-1] if reports else result
        after = self.snapshot()
        assert report.ok, report
        for path in others:
            assert os.path.lexists(path), f"{path} is another context's"
        for path in mine:
            spared = {p for p in others | self.kept if p.is_relative_to(path)}
            assert os.path.lexists(path) == bool(spared), (path, spared)
            heir = tempfiles.is_registered(path)
            assert not heir or spared & others, path
            del self.owner[path]
            if heir:
                self.adopt(path)
        gone = before.keys() - after.keys()
        for path in gone:
            assert any(path.is_relative_to(own) for own in mine), f"{path} was nobody's"
        files = [path for path in gone if before[path] is not None]
        assert report.files == len(files)
        assert report.directories == len(gone) - len(files)
        assert report.bytes == sum(before[path] or 0 for path in files)

    def adopt(self, path: Path) -> None:
        inside = {o for p, o in self.owner.items() if p != path and p.is_relative_to(path)}
        depths = [depth for depth, held in enumerate(self.held()) if str(path) in held]
        assert len(depths) == 1 and depths[0] in inside
        self.owner[path] = depths[0]

    def held(self) -> list[set[str]]:
        found: list[set[str]] = []
        context: contexts.Context | None = contexts.current()
        while context is not None:
            found.append({*(context.files or ()), *(context.directories or ())})
            context = context.parent if context is not self.outside else None
        return found[::-1]

    def snapshot(self) -> dict[Path, int | None]:
        return {
            path: None if path.is_dir() else path.stat().st_size for path in self.top.rglob("*")
        }

    @invariant()
    def the_registered_are_those_of_the_model(self) -> None:
        if not hasattr(self, "owner"):
            return
        registered = {
            Path(resource.path)
            for resource in (
                *tempfiles.get_registered_files(), *tempfiles.get_registered_directories()
            )
        }
        assert {path for path in registered if path.is_relative_to(self.top)} == set(self.owner)
        assert self.loose.exists()
        assert all(path.exists() for path in self.kept)


Interleavings = Machine.TestCase
Interleavings.settings = PROFILE
