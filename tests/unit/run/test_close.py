"""The close of a context, step by step: collect, decide, remove, report."""

from __future__ import annotations

import os
import tempfile
import unittest

from tempfiles.detection.ignore import Ignored
from tempfiles.detection.project_tree import ProjectTree
from tempfiles.detection.temp_dir import TempDirectoryScanner
from tempfiles.events.command_names import CommandNames
from tempfiles.observation.observer import Observer
from tempfiles.processes.activity import ChildProcess, activity_of
from tempfiles.records import Leak, Scope
from tempfiles.registry import contexts, registrations
from tempfiles.registry.contexts import Context
from tempfiles.reports import ContextReport
from tempfiles.roots.root import RunRoot
from tempfiles.run.close import Closing, Collected


class CloseTestCase(unittest.TestCase):
    ignore: tuple[str, ...] = ()

    def setUp(self) -> None:
        top = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))
        self.project = os.path.join(top, "project")
        os.mkdir(self.project)
        self.root = RunRoot(top, self.project, lambda directory: None)
        self.addCleanup(self.root.remove)
        ignored = Ignored(self.ignore, self.project)
        self.observer = Observer(self.root.path)
        self.temp_directory = TempDirectoryScanner(self.root, self.observer)
        self.addCleanup(self.temp_directory.release)
        tree = ProjectTree(self.project, ignored, excluded={self.root.path})
        tree.snapshot()
        self.closing = Closing(self.root, self.observer, self.temp_directory, tree, ignored)
        self.test = self.enter("a.T.test")

    def enter(self, id: str, scope: Scope = "test") -> Context:
        context = contexts.enter(id, scope)
        self.addCleanup(self.leave, context)
        return context

    def leave(self, context: Context) -> None:
        if not context.closed:
            contexts.close(context)

    def create(self, path: str, observed: bool = True) -> str:
        if observed:
            self.observer.paths.created(path, self.test)
        with open(path, "w", encoding="utf-8") as file:
            file.write("x")
        return path

    def temp(self, name: str) -> str:
        return os.path.join(self.root.slot, name)


class Collect(CloseTestCase):
    def test_what_no_event_named_is_of_the_context_that_closes(self) -> None:
        path = self.create(self.temp("by-child"), observed=False)
        collected = self.closing.collect(self.test)
        self.assertEqual(collected, Collected(self.test, (path,), leftovers=1))
        self.assertIs(self.observer.paths.owner_above(path), self.test)

    def test_a_path_that_never_existed_was_not_created(self) -> None:
        self.observer.paths.created(self.temp("failed"), self.test)
        self.assertEqual(self.closing.collect(self.test).created, ())

    def test_without_tracking_nothing_is_listed(self) -> None:
        self.create(self.temp("by-child"), observed=False)
        self.assertEqual(self.closing.collect(self.test, tracks=False), Collected(self.test, ()))


class Decide(CloseTestCase):
    ignore = ("*.log",)

    def leaks(self) -> tuple[Leak, ...]:
        return self.closing.decide(self.closing.collect(self.test))

    def test_what_exists_in_the_temp_directory_and_elsewhere_leaked(self) -> None:
        inside, outside = self.temp("x"), os.path.join(self.project, "x")
        self.create(inside)
        self.create(outside)
        self.create(self.temp("by-child"), observed=False)
        found = {leak.path: (leak.where, leak.evidence, leak.outcome) for leak in self.leaks()}
        self.assertEqual(found, {
            inside: ("temp", "scanned", "removed"),  # no event gave a line of code
            self.temp("by-child"): ("temp", "scanned", "removed"),
            outside: ("outside", "observed", "left"),
        })  # fmt: skip

    def test_what_is_gone_ignored_or_registered_did_not(self) -> None:
        os.remove(self.create(self.temp("gone")))
        self.create(self.temp("it.log"))
        registrations.register(self.create(self.temp("mine")), directory=False, context=self.test)
        self.addCleanup(registrations.unregister, self.temp("mine"))
        self.assertEqual(self.leaks(), ())

    def test_it_is_decided_once(self) -> None:
        self.create(self.temp("x"))
        self.assertEqual(len(self.leaks()), 1)
        self.assertEqual(self.leaks(), ())
        self.assertTrue(self.observer.paths.is_reported(self.temp("x")))

    def test_what_a_command_line_names_is_of_its_context(self) -> None:
        path = os.path.join(self.project, "named")
        child = ChildProcess("os.system", ("touch", path), None, 0.0, CommandNames((path,)))
        activity_of(self.test).children.append(child)
        self.create(path, observed=False)
        self.assertEqual([leak.evidence for leak in self.leaks()], ["scanned"])


class Remove(CloseTestCase):
    def test_what_is_registered_goes_and_a_leak_stays(self) -> None:
        mine, leak = self.create(self.temp("mine")), self.create(self.temp("leak"))
        registrations.register(mine, directory=False, context=self.test)
        self.assertEqual(self.closing.remove_registered(self.test).files, 1)
        self.assertEqual((os.path.exists(mine), os.path.exists(leak)), (False, True))


class Report(CloseTestCase):
    def test_adds_up_what_was_created_registered_and_left(self) -> None:
        self.create(self.temp("leak"))
        os.remove(self.create(self.temp("gone")))
        self.observer.paths.removed(self.temp("gone"), self.test)
        mine = self.create(self.temp("mine"))
        registrations.register(mine, directory=False, context=self.test)
        seen: list[ContextReport] = []
        report = self.closing.close(self.test, before_removal=seen.append)
        self.assertEqual((report.made, report.registered, len(report.leaks)), (3, 1, 1))
        self.assertEqual(seen[0].leaks, report.leaks)
        summary = self.closing.totals.summary(tests=1)
        self.assertEqual((summary.made, summary.removed_by_tests, summary.leaked), (3, 1, 1))

    def test_of_the_run_knows_what_became_of_a_leak(self) -> None:
        path = self.create(self.temp("leak"))
        self.closing.close(self.test)
        contexts.close(self.test)
        self.closing.totals.note_nothing_removed()
        report = self.closing.run_report(tests=1)
        self.assertEqual([(leak.path, leak.outcome) for leak in report.leaks], [(path, "failed")])

    def test_a_leak_that_a_fixture_removed_is_set_aside(self) -> None:
        fixture = self.enter("a.T", "class")
        self.test = self.enter("a.T.test")
        path = self.create(self.temp("leak"))
        self.closing.close(self.test)
        contexts.close(self.test)
        self.observer.paths.removed(path, fixture)
        os.remove(path)
        self.closing.totals.set_aside_removed()
        self.assertEqual(self.closing.totals.leaks, [])
        self.assertEqual([leak.path for leak in self.closing.totals.removed_later], [path])


if __name__ == "__main__":
    unittest.main()
