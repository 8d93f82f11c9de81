"""Plans and reaps of the roots of dead runs, with deadlines and interruptions."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from tempfiles.fileops import tally
from tempfiles.recovery import dead_run as examination
from tempfiles.recovery import in_use, rescue
from tempfiles.recovery import reap as orphans
from tempfiles.recovery.reap import Plan, ReapReport
from tempfiles.registry import move
from tempfiles.roots import dispose, flock, marker, ownership
from tempfiles.roots.journal_reader import Current
from tests.campaigns.torture_reaping import torture
from tests.support.programs import REPOSITORY
from tests.support.real_runs import dead_run, live_run

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
LEAKY = """
from tempfiles.records import Leak, Origin
from tempfiles.reports import ContextReport
journal.enter("a.B.test_one", "test")
os.write(os.open(root + "/0/early", os.O_CREAT | os.O_WRONLY), b"1234")
leak = Leak(root + "/0/early", "file", 4, 1, "a.B.test_one", "test", Origin("a.py", 1, "f", "open"))
journal.record_leaks(ContextReport("a.B.test_one", "test", leaks=(leak,)))
journal.leave()
journal.enter("a.B.test_two", "test")
os.mkdir(root + "/0/late")
os.write(os.open(root + "/0/late/file", os.O_CREAT | os.O_WRONLY), b"x" * 100)
os.symlink("/nowhere", root + "/0/link")
"""

BRINGS = """
os.mkdir(root + "/0/d")
for path, source in (
    ("/0/config", root + "/../config"), ("/0/d/deep", "/gone"), ("/0/missing", "/gone"),
):
    journal.record_preexisting(root + path, source)
os.rename(root + "/../config", root + "/0/config")
open(root + "/0/d/deep", "w").close()
"""


class TempDirectoryCase(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def plan(self) -> Plan:
        return orphans.plan([self.temp])

    def reap(self, deadline: float | None = None) -> ReapReport:
        return orphans.execute(self.plan(), deadline=deadline)

    def assert_empty(self) -> None:
        self.assertEqual(os.listdir(self.temp), [])


class PlanTests(TempDirectoryCase):
    def test_chooses_the_roots_of_the_dead_only(self) -> None:
        dead = dead_run(self.temp)
        os.mkdir(os.path.join(self.temp, "tidy-unmarked"))
        os.symlink(dead, os.path.join(self.temp, "tidy-link"))
        os.mkdir(os.path.join(self.temp, "other"))
        with live_run(self.temp) as (live, _):
            plan = self.plan()
        self.assertEqual([verdict.root for verdict in plan.chosen], [dead])
        self.assertEqual(
            {os.path.basename(verdict.root): verdict.state for verdict in plan.left},
            {"tidy-unmarked": "foreign", "tidy-link": "refused", os.path.basename(live): "live"},
        )

    def test_leaves_what_is_younger_than_the_least_age(self) -> None:
        dead = dead_run(self.temp)
        plan = orphans.plan([self.temp], min_age=3600)
        self.assertEqual(plan.chosen, ())
        self.assertIn("younger", plan.left[0].reason)
        path = Path(dead, marker.NAME)
        path.write_text(json.dumps({**json.loads(path.read_text()), "created": 1e9}))
        self.assertEqual(len(orphans.plan([self.temp], min_age=3600).chosen), 1)

    def test_chooses_kept_ones_only_when_asked_to(self) -> None:
        path = os.path.join(self.temp, ownership.KEPT_PREFIX + "one")
        os.mkdir(path)
        ownership.mark_kept(path, project="/p", argv=[]).release()
        self.assertEqual(self.plan().chosen, ())
        plan = orphans.plan([self.temp], include_kept=True)
        self.assertEqual(orphans.execute(plan).roots[0].fate, "removed")
        self.assert_empty()

    def test_directory_named_twice_or_missing_is_planned_once(self) -> None:
        dead_run(self.temp)
        link = os.path.join(self.temp, "link")
        os.symlink(self.temp, link)
        plan = orphans.plan([self.temp, link, self.temp, os.path.join(self.temp, "none")])
        self.assertEqual(len(plan.chosen), 1)


class ReapTests(TempDirectoryCase):
    def test_removes_the_dead_and_leaves_everything_else(self) -> None:
        dead_run(self.temp, LEAKY)
        Path(self.temp, "precious").touch()
        os.mkdir(os.path.join(self.temp, "tidy-unmarked"))
        with live_run(self.temp) as (live, _):
            self.assertTrue(self.reap().ok)
            left = {"precious", "tidy-unmarked", os.path.basename(live)}
            self.assertEqual({*os.listdir(self.temp)}, left)
            self.assertEqual({*os.listdir(live)}, {"0", "current", "marker.json"})

    def test_reports_the_running_test_and_the_leaks_of_each(self) -> None:
        dead = dead_run(self.temp, LEAKY)
        (reaped,) = self.reap().roots
        self.assertEqual(reaped.fate, "removed")
        self.assertEqual(reaped.running, Current("a.B.test_two", "test"))
        self.assertEqual(
            [(leak.path, leak.type, leak.bytes, leak.entries, leak.context, leak.scope)
             for leak in reaped.leaks],
            [
                (dead + "/0/late", "directory", 100, 2, "a.B.test_two", "test"),
                (dead + "/0/link", "symlink", 0, 1, "a.B.test_two", "test"),
                (dead + "/0/early", "file", 4, 1, "a.B.test_one", "test"),
            ],
        )
        assert reaped.marker is not None
        self.assertEqual(reaped.marker.project, "/some/project")
        self.assertGreaterEqual(reaped.age, 0)
        # early, file, link, current, journal, marker.json; late, 0, the root
        self.assertEqual((reaped.removal.files, reaped.removal.directories), (6, 3))
        self.assertGreaterEqual(reaped.removal.bytes, 104)

    def test_moves_out_what_the_run_had_moved_in_from_before(self) -> None:
        Path(self.temp, "config").write_text("precious")
        dead = dead_run(self.temp, BRINGS)
        Path(self.temp, "config-0").write_text("another's")
        (reaped,) = self.reap().roots
        now = {f"{dead}/0/config": f"{self.temp}/config", f"{dead}/0/d/deep": f"{self.temp}/deep"}
        self.assertEqual((reaped.fate, reaped.rescued), ("removed", now))
        self.assertEqual({*os.listdir(self.temp)}, {"config", "config-0", "deep"})
        self.assertEqual(Path(self.temp, "config").read_text(), "precious")

    def test_removes_nothing_where_that_cannot_be_moved_out(self) -> None:
        Path(self.temp, "config").write_text("precious")
        dead = dead_run(self.temp, BRINGS)
        with (
            mock.patch.object(move, "_rename", side_effect=PermissionError(13, "no")),
            self.assertLogs("tempfiles"),
        ):
            (reaped,) = self.reap().roots
        self.assertEqual((reaped.fate, reaped.root), ("failed", dead))
        self.assertEqual([failure.path for failure in reaped.removal.failed],
                         [f"{dead}/0/config", f"{dead}/0/d/deep"])
        self.assertEqual(Path(dead, "0", "config").read_text(), "precious")

    def test_believes_no_journal_that_names_what_lies_elsewhere(self) -> None:
        other = Path(self.temp, "other")
        other.mkdir()
        Path(other, "file").touch()
        body = (f"os.symlink({str(other)!r}, root + '/0/link')\n"
                "for path in ('/0/link/file', '/../other/file', ''):\n"
                "    journal.record_preexisting(root + path, '/gone')\n"
                f"journal.record_preexisting({str(other)!r}, '/gone')")
        dead_run(self.temp, body)
        (reaped,) = self.reap().roots
        self.assertEqual((reaped.fate, reaped.rescued), ("removed", {}))
        self.assertEqual((os.listdir(self.temp), os.listdir(other)), (["other"], ["file"]))

    def test_reports_no_test_when_none_was_running(self) -> None:
        dead_run(self.temp)
        (reaped,) = self.reap().roots
        self.assertEqual((reaped.running, reaped.leaks), (Current("run", "run"), ()))

    def test_leaves_a_root_that_was_replaced_since_it_was_planned(self) -> None:
        dead = dead_run(self.temp)
        plan = self.plan()
        os.rename(dead, dead + "-aside")
        os.mkdir(dead)
        (reaped,) = orphans.execute(plan).roots
        self.assertEqual(reaped.fate, "skipped")
        self.assertIn("changed", reaped.reason)
        self.assertEqual(len(os.listdir(self.temp)), 2)

    def test_leaves_another_root_at_the_planned_path(self) -> None:
        one = dead_run(self.temp)
        plan = self.plan()
        other = dead_run(self.temp)
        os.rename(one, one + "-aside")
        os.rename(other, one)
        self.assertEqual(orphans.execute(plan).roots[0].fate, "skipped")
        self.assertEqual(len(os.listdir(self.temp)), 2)

    def test_leaves_a_root_replaced_by_a_link_after_planning(self) -> None:
        dead = dead_run(self.temp)
        plan = self.plan()
        os.rename(dead, dead + "-aside")
        os.symlink(dead + "-aside", dead)
        self.assertEqual(orphans.execute(plan).roots[0].fate, "skipped")
        self.assertIn(marker.NAME, os.listdir(dead + "-aside"))

    def test_leaves_a_root_that_another_reaper_holds_or_has_removed(self) -> None:
        dead = dead_run(self.temp)
        plan = self.plan()
        lock = flock.acquire(dead)
        assert lock is not None
        (reaped,) = orphans.execute(plan).roots
        self.assertEqual(reaped.fate, "skipped")
        self.assertEqual(reaped.reason, "another process holds its lock")
        lock.release()
        self.assertEqual(self.reap().roots[0].fate, "removed")
        self.assertEqual(orphans.execute(plan).roots[0].reason, "it is gone already")

    def test_removes_what_its_owner_made_hard_to_remove(self) -> None:
        body = (
            "os.mkdir(root + '/0/x'); open(root + '/0/x/f', 'w').close()\n"
            "os.chmod(root + '/0/x', 0); os.chmod(root + '/0', 0); os.chmod(root, 0o500)"
        )
        for deadline in (None, 60.0):
            dead_run(self.temp, body)
            self.assertEqual(self.reap(deadline).roots[0].fate, "removed")
            self.assert_empty()

    def test_does_not_follow_links_out_of_the_root(self) -> None:
        canary = Path(self.temp, "canary")
        canary.mkdir()
        Path(canary, "file").touch()
        for deadline in (None, 60.0):
            dead_run(self.temp, f"os.symlink({str(canary)!r}, root + '/0/out')\n"
                                f"os.symlink({str(canary)!r}, root + '/1')")
            self.assertEqual(self.reap(deadline).roots[0].fate, "removed")
            self.assertEqual(os.listdir(self.temp), ["canary"])
            self.assertEqual(os.listdir(canary), ["file"])

    def test_unfinished_reap_reports_its_cause_and_is_resumed(self) -> None:
        dead = dead_run(self.temp, "open(root + '/0/stuck', 'w').close()")
        stuck = os.path.join(dead, "0", "stuck")
        if not IS_ROOT or subprocess.run(["chattr", "+i", stuck], capture_output=True).returncode:
            self.skipTest("no immutable files here")
        for deadline in (None, 60.0):
            (reaped,) = self.reap(deadline).roots
            self.assertEqual(reaped.fate, "failed")
            self.assertEqual(
                [os.path.basename(failure.path) for failure in reaped.removal.failed], ["stuck"]
            )
        subprocess.run(["chattr", "-i", os.path.join(reaped.root, "0", "stuck")], check=True)
        self.assertEqual(self.reap().roots[0].fate, "removed")
        self.assert_empty()


class DeadlineTests(TempDirectoryCase):
    def test_frees_no_more_than_there_was_on_the_disk(self) -> None:
        holes = 'os.truncate(os.open(root + "/0/holes", os.O_CREAT | os.O_WRONLY), 1 << 30)'
        for deadline in (None, 60.0):
            dead_run(self.temp, holes)
            self.assertLess(self.reap(deadline).removal.bytes, 1 << 20)

    def test_that_has_passed_removes_nothing_and_names_the_rest(self) -> None:
        for _ in range(3):
            dead_run(self.temp)
        report = self.reap(0.0)
        self.assertEqual((report.roots, len(report.remaining.chosen)), ((), 3))
        self.assertFalse(report.ok)
        self.assertTrue(orphans.execute(report.remaining).ok)
        self.assert_empty()

    def test_deadline_within_a_root_leaves_a_rest_for_later(self) -> None:
        body = ("os.mkdir(f'{root}/0/d')\n"
                "for n in range(200): os.close(os.open(f'{root}/0/d/{n}', os.O_CREAT))")
        dead_run(self.temp, body)
        with contextlib.ExitStack() as stack:
            self.let_each_look_at_the_clock_take_a_second(stack)
            report = self.reap(100.0)
        (reaped,) = report.roots
        self.assertEqual(reaped.fate, "remaining")
        (name,) = os.listdir(self.temp)
        self.assertTrue(name.startswith(ownership.TRASH_PREFIX))
        self.assertEqual([verdict.root for verdict in report.remaining.chosen], [reaped.root])
        rest = orphans.execute(report.remaining)
        self.assertTrue(rest.ok)
        self.assertEqual(reaped.removal.files + rest.removal.files, 202)
        self.assert_empty()

    def test_deadline_before_the_report_removes_nothing(self) -> None:
        body = LEAKY + "for n in range(200): os.close(os.open(f'{root}/0/{n}', os.O_CREAT))"
        dead = dead_run(self.temp, body)
        before = sorted(os.walk(dead))
        with contextlib.ExitStack() as stack:
            self.let_each_look_at_the_clock_take_a_second(stack)
            report = self.reap(100.0)
        (reaped,) = report.roots
        self.assertEqual((reaped.fate, reaped.leaks, reaped.removal.removed), ("remaining", (), 0))
        self.assertEqual(reaped.running, Current("a.B.test_two", "test"))
        self.assertEqual(sorted(os.walk(dead)), before)
        (rest,) = orphans.execute(report.remaining).roots
        self.assertEqual((rest.fate, len(rest.leaks) + rest.more), ("removed", 203))
        self.assert_empty()

    def let_each_look_at_the_clock_take_a_second(self, stack: contextlib.ExitStack) -> None:
        clock = SimpleNamespace(time=time.time, monotonic=itertools.count().__next__)
        for module in (orphans, tally, examination, rescue, in_use):
            stack.enter_context(mock.patch.object(module, "time", clock))

    def test_is_looked_at_also_deep_down_and_the_tree_goes(self) -> None:
        body = (
            "os.chdir(root + '/0')\n"
            "for n in range(400): os.mkdir('d'); os.chdir('d'); open('f', 'w').close()\n"
        )
        dead_run(self.temp, body)
        (reaped,) = self.reap(60.0).roots
        self.assertEqual((reaped.fate, reaped.removal.directories), ("removed", 402))
        self.assert_empty()


class InterruptedReapTests(TempDirectoryCase):
    STEPS = {
        "before the rename": "orphans.dispose.move_aside = die",
        "after the rename": "orphans.dispose.dispose = die",
        "in the middle": "os.unlink = die",
        "before the journal goes": "disposal._Disposal.finish = die",
        "before the marker goes": "os.fchmod = die",
        "after the marker has gone": "os.rmdir = die",
    }

    def test_next_reap_finishes_an_interrupted_one(self) -> None:
        body = "os.mkdir(root + '/0/d'); open(root + '/0/d/f', 'w').close()"
        for where, patch in self.STEPS.items():
            for deadline in (None, 60.0):
                with self.subTest(where, deadline=deadline):
                    dead_run(self.temp, body)
                    self.reap_and_die(patch, deadline)
                    self.assertTrue(self.reap().ok)
                    self.assert_empty()

    def reap_and_die(self, patch: str, deadline: float | None) -> None:
        plan = self.plan()
        child = os.fork()
        if child == 0:
            names = {
                "os": os, "orphans": orphans, "disposal": dispose,
                "die": lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL),
            }
            exec(patch, names)
            orphans.execute(plan, deadline=deadline)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        self.assertEqual(os.waitstatus_to_exitcode(status), -signal.SIGKILL)


class ConcurrentReapTests(TempDirectoryCase):
    def test_killed_reapers_and_runs_leave_and_take_nothing(self) -> None:
        self.assertGreater(torture(random.Random(1), self.temp), 0)
        self.assert_empty()

    def test_reapers_remove_each_root_once_and_touch_no_live_one(self) -> None:
        program = (
            f"import sys; sys.path.insert(0, {REPOSITORY!r})\n"
            "from tempfiles.recovery import reap as orphans\n"
            "print('ready', flush=True); sys.stdin.readline()\n"
            "report = orphans.execute(orphans.plan([sys.argv[1]]))\n"
            "print(sum(root.fate == 'removed' for root in report.roots), report.ok)\n"
        )
        with live_run(self.temp) as (live, _):
            for _ in range(10):
                self.abandon()
            reapers = [
                subprocess.Popen([sys.executable, "-W", "error", "-c", program, self.temp],
                                 stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                for _ in range(4)
            ]
            for reaper in reapers:
                assert reaper.stdout is not None
                reaper.stdout.readline()
            reported = [reaper.communicate("\n")[0].split() for reaper in reapers]
            self.assertEqual(sum(int(count) for count, _ in reported), 10)
            self.assertEqual({ok for _, ok in reported}, {"True"})
            self.assertEqual(os.listdir(self.temp), [os.path.basename(live)])
            self.assertEqual(stat.S_IMODE(os.lstat(live).st_mode), 0o700)

    def abandon(self) -> None:
        claim = ownership.establish(self.temp, project="/p", argv=[])
        for number in range(20):
            Path(claim.root, str(number)).mkdir()
        claim.release()
