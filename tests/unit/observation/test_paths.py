"""The table of paths: who created a path, whether it is the user's, whether it was reported."""

from __future__ import annotations

import os
import tempfile
import unittest

from tempfiles.observation.new_paths import NewPaths
from tempfiles.observation.path_state import PathState, identify
from tempfiles.observation.paths import PathTable
from tempfiles.records import Leak
from tempfiles.registry.contexts import UNTRACKED, Context


class PathTableTestCase(unittest.TestCase):
    keeps_all = False

    def setUp(self) -> None:
        top = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))
        self.root, self.project = os.path.join(top, "root", ""), os.path.join(top, "project")
        os.makedirs(os.path.join(self.root, "0"))
        os.mkdir(self.project)
        self.table = PathTable(self.root, keeps_all=self.keeps_all)
        self.new = NewPaths(self.table)
        self.fixture = Context("a.T", "class")
        self.test = Context("a.T.test", "test", self.fixture)
        self.other = Context("a.T.test_2", "test", self.fixture)

    def temp(self, name: str) -> str:
        return os.path.join(self.root, "0", name)

    def outside(self, name: str) -> str:
        return os.path.join(self.project, name)

    def write(self, path: str, text: str = "") -> str:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def report(self, state: PathState) -> Leak:
        """Report a leak at a path, which exists, and close its maker."""
        assert state.maker is not None
        leak = Leak(state.path, "file", 0, 1, state.maker.id, state.maker.scope)
        self.assertTrue(self.table.confirm(state))
        self.table.report(state, leak)
        state.identity = identify(state.path)
        self.table.close(state.maker)
        state.maker.closed = True
        return leak


class WhoCreated(PathTableTestCase):
    def test_the_context_that_created_a_path_or_what_it_lies_in(self) -> None:
        self.table.created(self.outside("made"), self.test)
        self.assertIs(self.table.owner_above(self.outside("made")), self.test)
        self.assertIs(self.table.owner_above(self.outside("made/a/b")), self.test)
        self.assertIsNone(self.table.owner_above(self.outside("mad")))
        self.assertIsNone(self.table.owner_above(os.sep))

    def test_a_path_created_again_in_one_context_has_one_record(self) -> None:
        first = self.table.created(self.temp("x"), self.test)
        self.table.removed(self.temp("x"), self.test)
        self.assertTrue(self.new.accepts_in_temp(self.temp("x"), "open", self.test))
        self.assertIs(self.table.created(self.temp("x"), self.test), first)
        self.assertEqual(list(self.table.made_by(self.test)), [first])
        self.assertIsNone(first.removed_by)

    def test_a_path_that_is_known_is_not_new(self) -> None:
        self.table.created(self.temp("x"), self.test)
        self.assertFalse(self.new.accepts_in_temp(self.temp("x"), "open", self.other))
        self.assertFalse(self.new.accepts_outside(self.outside("x"), "open", self.test, False))
        self.assertTrue(self.new.accepts_outside(self.outside("x"), "open", self.test, True))

    def test_a_fixtures_file_created_again_stays_the_fixtures(self) -> None:
        for path in (self.temp("x"), self.outside("x")):
            state = self.table.created(path, self.fixture)
            self.table.removed(self.write(path), self.test)
            self.assertFalse(self.accepts(path))
            self.assertIs(self.table.owner_above(path), self.fixture)
            self.assertIsNone(state.removed_by)

    def test_a_file_that_its_fixture_removed_is_the_next_makers(self) -> None:
        for path in (self.temp("x"), self.outside("x")):
            self.table.created(path, self.fixture)
            self.table.removed(self.write(path), self.fixture)
            self.assertTrue(self.accepts(path))
            self.table.created(path, self.test)
            self.assertIs(self.table.owner_above(path), self.test)

    def accepts(self, path: str) -> bool:
        if path.startswith(self.root):
            return self.new.accepts_in_temp(path, "open", self.test)
        return self.new.accepts_outside(path, "open", self.test, is_new=True)

    def test_a_listed_name_is_given_to_a_context_once(self) -> None:
        self.assertTrue(self.table.found(self.write(self.temp("x")), self.test))
        self.assertFalse(self.table.found(self.temp("x"), self.other))
        self.assertEqual(list(self.table.topmost(self.test)), [self.temp("x")])

    def test_what_a_closed_context_creates_is_remembered(self) -> None:
        self.test.closed = True
        self.table.created(self.temp("x"), self.test)
        self.assertEqual(list(self.table.closed_makers), [self.test])

    def test_the_runs_own_files_are_no_contexts(self) -> None:
        self.table.created(self.outside("report"), UNTRACKED)
        self.assertTrue(self.table.is_of_run(self.outside("report")))
        self.assertEqual(list(self.table.made_by(UNTRACKED)), [])
        self.assertFalse(self.table.belongs_elsewhere(self.outside("report"), self.test))


class Directories(PathTableTestCase):
    def setUp(self) -> None:
        super().setUp()
        os.mkdir(self.outside("made"))
        self.table.created(self.outside("made"), self.test, call="os.mkdir")

    def is_part(self, name: str, call: str = "open", context: Context | None = None) -> bool:
        return self.new.is_in_own_directory(self.outside(name), call, context or self.test)

    def test_a_file_in_a_directory_of_its_maker_is_a_part_of_it(self) -> None:
        self.assertTrue(self.is_part("made/x"))
        self.assertFalse(self.is_part("made/x", context=self.other))
        self.assertFalse(self.is_part("elsewhere/x"))

    def test_a_directory_in_it_is_one_of_these(self) -> None:
        self.assertTrue(self.is_part("made/in", "os.mkdir"))
        self.assertTrue(self.is_part("made/in/x"))
        self.assertEqual(list(self.table.topmost(self.test)), [self.outside("made")])

    def test_a_link_in_it_may_lead_elsewhere(self) -> None:
        self.assertTrue(self.is_part("made/link", "os.symlink"))
        self.assertFalse(self.is_part("made/link"))

    def test_it_is_not_trusted_after_a_move_or_its_removal(self) -> None:
        self.table.moved(self.outside("other"), self.outside("other2"))
        self.assertFalse(self.is_part("made/x"))
        self.table.created(self.outside("made"), self.test, call="os.mkdir")
        self.assertTrue(self.is_part("made/x"))
        self.table.removed(self.outside("made"), self.test)
        self.assertFalse(self.is_part("made/x"))

    def test_what_another_context_puts_in_it_belongs_elsewhere(self) -> None:
        path = self.outside("made/x")
        self.assertTrue(self.table.belongs_elsewhere(path, self.other))
        self.assertFalse(self.table.belongs_elsewhere(path, self.test))
        self.assertTrue(self.table.belongs_elsewhere(path, self.test, or_to_it=True))


class Preexisting(PathTableTestCase):
    def move(self, source: str, target: str, **how: bool) -> None:
        self.table.moved(source, target, **how)
        if not how.get("stays"):
            self.table.removed(source, self.test)

    def test_a_users_file_is_followed_into_the_run_root_and_on(self) -> None:
        calls: list[tuple[str, str]] = []
        self.table.preexisting.before_moved_in = lambda path, source: calls.append((path, source))
        users = self.write(self.outside("users"))
        self.move(users, self.temp("in"))
        os.rename(users, self.temp("in"))
        self.assertEqual(self.table.preexisting.locations(), {self.temp("in"): users})
        self.move(self.temp("in"), self.temp("on"))
        self.assertEqual(self.table.preexisting.locations(), {self.temp("on"): users})
        self.assertEqual(calls, [(self.temp("in"), users), (self.temp("on"), users)])

    def test_it_is_followed_with_the_directory_that_it_lies_in(self) -> None:
        users = self.write(self.outside("users"))
        os.mkdir(self.temp("d"))
        self.move(users, self.temp("d/in"))
        self.move(self.temp("d"), self.temp("e"))
        self.assertEqual(self.table.preexisting.locations(), {self.temp("e/in"): users})
        self.assertTrue(self.table.preexisting.lies_in(self.temp("e")))
        self.assertFalse(self.table.preexisting.lies_in(self.temp("d")))

    def test_it_is_known_at_all_names_after_a_link(self) -> None:
        users = self.write(self.outside("users"))
        self.move(users, self.temp("in"))
        self.move(self.temp("in"), self.temp("link"), stays=True)
        found = {self.temp("in"): users, self.temp("link"): users}
        self.assertEqual(self.table.preexisting.locations(), found)

    def test_moved_back_it_is_where_it_was(self) -> None:
        users = self.write(self.outside("users"))
        self.move(users, self.temp("in"))
        self.move(self.temp("in"), users)
        self.assertFalse(self.table.preexisting)

    def test_what_a_context_created_itself_is_not_the_users(self) -> None:
        self.table.created(self.write(self.outside("made")), self.test)
        self.move(self.outside("made"), self.temp("in"))
        self.assertFalse(self.table.preexisting)

    def test_what_is_created_where_the_users_file_was_is_the_users(self) -> None:
        users = self.write(self.outside("users"))
        self.table.removed(users, self.test)
        os.remove(users)
        self.assertFalse(self.new.accepts_outside(users, "open", self.test, is_new=True))

    def test_a_new_record_keeps_what_was_there_before(self) -> None:
        users = self.write(self.outside("users"))
        self.move(users, self.temp("in"))
        self.table.created(self.temp("in"), self.test, call="os.rename")
        self.assertEqual(self.table.preexisting.locations(), {self.temp("in"): users})


class Reported(PathTableTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.path = self.write(self.temp("x"), "1")
        self.first = self.table.created(self.path, self.test)
        self.leak = self.report(self.first)

    def test_a_leak_is_reported_once_with_all_below_it(self) -> None:
        self.assertTrue(self.table.is_reported(os.path.join(self.path, "below")))
        self.assertFalse(self.table.confirm(self.first))
        self.assertFalse(self.new.accepts_in_temp(self.path, "open", self.other))

    def test_another_file_in_its_place_is_another_leak(self) -> None:
        self.table.removed(self.path, self.other)
        os.remove(self.path)
        self.assertTrue(self.new.accepts_in_temp(self.path, "open", self.other))
        second = self.table.created(self.path, self.other)
        self.write(self.path, "2")
        self.assertTrue(self.table.confirm(second))
        self.assertIs(self.first.reported, self.leak)

    def test_a_rename_that_failed_leaves_the_first(self) -> None:
        second = self.table.created(self.path, self.other, call="os.rename")
        self.assertTrue(self.table.is_reported(self.path))
        self.assertFalse(self.table.confirm(second))
        self.assertIs(self.table.get(self.path), self.first)

    def test_a_rename_that_succeeded_replaces_it(self) -> None:
        second = self.table.created(self.path, self.other, call="os.rename")
        os.replace(self.write(self.temp("new")), self.path)
        self.assertTrue(self.table.confirm(second))
        self.assertIs(self.table.get(self.path), second)

    def test_after_one_that_left_nothing_the_first_is_the_last(self) -> None:
        self.table.created(self.path, self.other, call="os.rename")
        self.table.forget_all(self.other)
        self.assertIs(self.table.get(self.path), self.first)

    def test_a_fixture_around_it_takes_it_back(self) -> None:
        self.table.removed(self.path, self.other)
        self.assertFalse(self.first.taken_back)
        self.table.removed(self.path, self.fixture)
        self.assertTrue(self.first.taken_back)

    def test_a_file_that_a_child_created_in_its_place_is_found(self) -> None:
        self.table.removed(self.path, self.other)
        self.assertFalse(self.table.found(self.path, self.other))
        os.replace(self.write(self.temp("new")), self.path)
        self.assertTrue(self.table.found(self.path, self.other))


class Close(PathTableTestCase):
    def test_records_outside_go_with_their_context_unless_reported(self) -> None:
        gone = self.table.created(self.outside("gone"), self.test)
        kept = self.table.created(self.write(self.outside("kept")), self.test)
        temp = self.table.created(self.temp("temp"), self.test)
        self.report(kept)
        self.assertIsNone(self.table.get(gone.path))
        self.assertIs(self.table.get(kept.path), kept)
        self.assertIs(self.table.get(temp.path), temp)
        self.assertEqual(list(self.table.made_by(self.test)), [])

    def test_a_context_that_left_nothing_leaves_no_record(self) -> None:
        for path in (self.temp("x"), self.outside("x")):
            self.table.created(path, self.test)
        self.table.forget_all(self.test)
        self.assertIsNone(self.table.get(self.temp("x")))
        self.assertIsNone(self.table.get(self.outside("x")))


class KeepsAll(PathTableTestCase):
    keeps_all = True

    def test_each_path_has_a_record_until_it_is_removed(self) -> None:
        self.table.created(self.outside("d"), self.test, call="os.mkdir")
        self.assertFalse(self.new.is_in_own_directory(self.outside("d/x"), "open", self.test))
        self.table.created(self.outside("d/x"), self.test)
        self.table.close(self.test)
        self.assertTrue(self.table.was_seen_created(self.outside("d/x")))
        self.table.removed(self.outside("d/x"), self.other)
        self.assertFalse(self.table.was_seen_created(self.outside("d/x")))

    def test_records_move_with_their_directory(self) -> None:
        os.mkdir(self.outside("d"))
        self.table.created(self.outside("d"), self.test, call="os.mkdir")
        self.table.created(self.outside("d/x"), self.test)
        self.table.moved(self.outside("d"), self.outside("e"))
        self.assertTrue(self.table.was_seen_created(self.outside("e/x")))
        self.assertFalse(self.table.was_seen_created(self.outside("d/x")))

    def test_a_file_of_others_that_is_moved_was_not_seen_created(self) -> None:
        self.table.created(self.outside("d"), self.test, call="os.mkdir")
        os.mkdir(self.outside("d"))
        theirs = self.write(self.outside("d/theirs"))
        self.table.moved(theirs, self.outside("d/x"))
        self.table.created(self.outside("d/x"), self.test, call="os.rename")
        self.assertFalse(self.table.was_seen_created(self.outside("d/x")))


if __name__ == "__main__":
    unittest.main()
