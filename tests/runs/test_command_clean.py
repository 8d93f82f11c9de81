"""`python -m tempfiles clean`: plans, confirmation, patterns, refusals."""

from __future__ import annotations

import fcntl
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from tempfiles.commands import progress
from tempfiles.processes import watch as processes
from tempfiles.roots import flock, marker, ownership
from tempfiles.system.platform import HAS_PROC
from tests.runs.test_command_status import LEAKY, call
from tests.support.programs import REPOSITORY
from tests.support.real_runs import dead_run, live_run

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class TempDirectoryCase(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def clean(self, *options: str, code: int = 0) -> str:
        got, out, err = call("clean", "--temp-dir", self.temp, *options)
        self.assertEqual((got, err), (code, ""), out)
        return out

    def as_json(self, *options: str, code: int = 0) -> Any:
        return json.loads(self.clean("--json", *options, code=code))

    def assert_bad_usage(self, *options: str) -> str:
        before = sorted(os.walk(self.temp))
        code, out, err = call("clean", "--temp-dir", self.temp, *options)
        self.assertEqual((code, out, err.count("\n")), (2, "", 1), err)
        self.assertEqual(sorted(os.walk(self.temp)), before)
        return err


class CleanTests(TempDirectoryCase):
    def test_removes_dead_roots_and_says_what_they_were_about(self) -> None:
        dead = dead_run(self.temp, LEAKY)
        out = self.clean()
        self.assertRegex(out, f"removed {dead}: 5 entries, .* KiB, /some/project, [0-9]+s old")
        self.assertIn("running: a.B.test_two (test)", out)
        self.assertIn("by a.B.test_two", out)
        self.assertRegex(out, r"freed [0-9.]+ KiB in 5 entries\n$")
        self.assertEqual(os.listdir(self.temp), [])

    def test_leaves_the_live_and_says_why(self) -> None:
        with live_run(self.temp) as (live, process):
            self.assertIn(f"left {live}: live, pid {process.pid}", self.clean())
            self.assertTrue(os.path.exists(os.path.join(live, marker.NAME)))

    def test_with_nothing_to_do_is_done(self) -> None:
        self.assertEqual(self.clean(), "freed 0 B in 0 entries\n")
        self.assertEqual(self.clean("--dry-run"), "nothing to remove\n")

    def test_dry_run_prints_the_plan_and_removes_nothing(self) -> None:
        dead = dead_run(self.temp)
        self.assertIn(f"would remove {dead}: orphaned", self.clean("--dry-run"))
        self.assertEqual(
            [item["path"] for item in self.as_json("--dry-run")["would_remove"]], [dead]
        )
        self.assertEqual(os.listdir(self.temp), [os.path.basename(dead)])

    def test_leaves_what_is_younger_than_the_least_age(self) -> None:
        dead_run(self.temp)
        self.assertIn("younger", self.clean("--min-age", "30m"))
        self.assertEqual(len(os.listdir(self.temp)), 1)
        self.clean("--min-age", "0s")
        self.assertEqual(os.listdir(self.temp), [])

    def test_removes_kept_artefacts_only_when_asked_to(self) -> None:
        path = os.path.join(self.temp, "tidy-kept-1")
        os.mkdir(path)
        ownership.mark_kept(path, project="/p", argv=[]).release()
        self.assertIn(f"left {path}: kept", self.clean())
        self.assertIn("removed", self.clean("--kept"))
        self.assertEqual(os.listdir(self.temp), [])

    def test_as_json_has_what_was_done_and_what_was_left(self) -> None:
        dead = dead_run(self.temp, LEAKY)
        os.mkdir(os.path.join(self.temp, "tidy-unmarked"))
        content = self.as_json()
        (root,) = content["roots"]
        self.assertEqual((root["root"], root["fate"], root["entries"]), (dead, "removed", 5))
        self.assertEqual(root["running"]["id"], "a.B.test_two")
        self.assertEqual(content["entries"], 5)
        self.assertIn("no marker", content["left"][0]["reason"])

    @unittest.skipUnless(IS_ROOT, "only root can make files immutable")
    def test_failed_removal_exits_with_1_and_names_the_path(self) -> None:
        dead = dead_run(self.temp, "os.close(os.open(root + '/0/stuck', os.O_CREAT))")
        stuck = os.path.join(dead, "0", "stuck")
        if subprocess.run(["chattr", "+i", stuck], capture_output=True, check=False).returncode:
            self.skipTest("no immutable files here")
        try:
            out = self.clean(code=1)
        finally:
            (name,) = os.listdir(self.temp)
            stuck = os.path.join(self.temp, name, "0", "stuck")
            subprocess.run(["chattr", "-i", stuck], check=True)
        self.assertRegex(out, "failed .*/0/stuck: Operation not permitted")
        self.clean()
        self.assertEqual(os.listdir(self.temp), [])

    def test_refuses_bad_input_in_one_line_that_names_the_option(self) -> None:
        dead_run(self.temp)
        for option, value in (
            ("--min-age", "7"), ("--min-age", ""), ("--min-age", "soon"), ("--min-age", "-1d"),
            ("--pattern", ""), ("--pattern", "*"), ("--pattern", "/etc/*"), ("--pattern", "[a"),
            ("--temp-dir", "/nonexistent"), ("--temp-dir", "a\0b"),
        ):
            with self.subTest(option, value=value):
                self.assertIn(option, self.assert_bad_usage(f"{option}={value}"))
        self.assertIn("--min-ag", self.assert_bad_usage("--min-ag", "1d"))
        self.assertIn("--min-age", self.assert_bad_usage("--min-age"))


@unittest.skipUnless(HAS_PROC, "open files cannot be reported here")
class PatternTests(TempDirectoryCase):
    def setUp(self) -> None:
        super().setUp()
        self.old = os.path.join(self.temp, "x-old")
        Path(self.old).write_text("1234")
        when = time.time() - 2 * 86400
        os.utime(self.old, (when, when))
        Path(self.temp, "x-young").touch()
        Path(self.temp, "other").touch()

    def names(self) -> set[str]:
        return {*os.listdir(self.temp)}

    def answer(self, text: str, *options: str, code: int) -> tuple[str, str]:
        with mock.patch.object(sys, "stdin", io.StringIO(text)):
            got, out, err = call("clean", "--temp-dir", self.temp, "--pattern=x-*", *options)
        self.assertEqual(got, code, out + err)
        return out, err

    def test_removes_what_is_a_day_old_when_it_is_confirmed(self) -> None:
        out, _ = self.answer("y\n", code=0)
        self.assertIn(f"would remove {self.old}: 1 entry, 4 B, 2d old", out)
        self.assertIn(f"removed {self.old}: 1 entry, 4 B", out)
        self.assertIn(f"left {self.temp}/x-young: it was modified too recently", out)
        self.assertEqual(self.names(), {"x-young", "other"})

    def test_removes_nothing_when_it_is_not_confirmed(self) -> None:
        dead_run(self.temp)
        for text in ("n\n", "\n", "", "yess\n"):
            _, err = self.answer(text, code=1)
            self.assertIn("nothing was removed", err)
        self.assertEqual(len(self.names()), 4)

    def test_does_not_ask_with_yes_or_when_nothing_matches(self) -> None:
        self.clean("--pattern=x-*", "--yes")
        self.assertEqual(self.names(), {"x-young", "other"})
        self.clean("--pattern=x-*")

    def test_takes_the_least_age_and_several_patterns(self) -> None:
        self.clean("--pattern=x-y*", "--pattern=oth*", "--min-age=0s", "--yes")
        self.assertEqual(self.names(), {"x-old"})

    def test_dry_run_only_prints(self) -> None:
        self.assertIn(f"would remove {self.old}", self.clean("--pattern=x-*", "--dry-run"))
        self.assertEqual(self.names(), {"x-old", "x-young", "other"})

    def test_as_json_must_be_confirmed_beforehand(self) -> None:
        self.assertIn("--yes", self.assert_bad_usage("--pattern=x-*", "--json"))
        content = self.as_json("--pattern=x-*", "--yes")
        self.assertEqual([item["path"] for item in content["litter"]], [self.old])
        self.assertEqual((content["entries"], content["bytes"]), (1, 4))

    def test_does_not_follow_a_link_that_matches(self) -> None:
        canary = Path(self.temp, "canary")
        canary.mkdir()
        Path(canary, "file").touch()
        os.symlink(canary, os.path.join(self.temp, "x-link"))
        self.clean("--pattern=x-*", "--yes", "--min-age=0s")
        self.assertEqual(self.names(), {"canary", "other"})
        self.assertEqual(os.listdir(canary), ["file"])

    def age(self, path: str) -> str:
        when = time.time() - 2 * 86400
        os.utime(path, (when, when), follow_symlinks=False)
        return path

    def make_old(self, *names: str) -> list[str]:
        for name in names:
            Path(self.temp, name).write_text("1234")
        return [self.age(os.path.join(self.temp, name)) for name in names]

    def clean_while(self, change: Callable[[], object], *options: str, code: int = 0) -> str:
        """Clean, and change something after the first item was removed."""
        def follow(work: Sequence[Any], description: str) -> Iterator[Any]:
            for number, item in enumerate(work):
                if number == 1:
                    self.assertFalse(os.path.exists(os.path.join(self.temp, "x-0")))
                    change()
                yield item

        self.make_old("x-0")
        with mock.patch.object(progress, "follow", follow):
            return self.clean("--pattern=x-*", "--yes", *options, code=code)

    def test_leaves_what_is_opened_locked_or_changed_meanwhile(self) -> None:
        opened, locked, fresh, linked, moved = self.make_old("x-1", "x-2", "x-3", "x-4", "x-5")
        within = os.path.join(self.temp, "x-6")
        os.mkdir(within)
        kept = self.make_old("other", "x-6/file")
        self.age(within)

        def change() -> None:
            for path in (opened, locked):
                file = self.enterContext(open(path))
            fcntl.flock(file, fcntl.LOCK_EX)
            Path(fresh).write_text("new")
            os.unlink(linked)
            os.symlink(fresh, linked)
            os.replace(kept[0], moved)  # old, but not what was planned
            self.make_old("x-6/old")
            self.age(within)

        out = self.clean_while(change)
        for path, reason in (
            (opened, "it is open in pid"), (locked, "x-2 is locked"), (fresh, "too recently"),
            (linked, "too recently"), (moved, "changed since it was planned"),
            (within, "changed since it was planned"),
        ):
            self.assertRegex(out, f"left {path}: .*{reason}")
            self.assertTrue(os.path.lexists(path), path)
        self.assertEqual(sorted(os.listdir(within)), ["file", "old"])

    def test_leaves_another_file_with_the_same_inode_number(self) -> None:
        (path,) = self.make_old("x-1")

        def change() -> None:
            before = os.lstat(path)
            os.unlink(path)
            Path(path).write_text("1234")
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

        self.assertIn(f"left {path}: it has changed", self.clean_while(change, "--min-age=0s"))
        self.assertTrue(os.path.exists(path))

    def test_leaves_what_is_put_into_a_directory_at_the_last_moment(self) -> None:
        directory = os.path.join(self.temp, "x-dir")
        os.mkdir(directory)
        renewed = self.make_old("x-dir/1", "x-dir/2")[0]
        real, calls = processes.holders_of, []

        def holders_of(paths: list[str]) -> dict[str, list[str]]:
            calls.append(found := real(paths))
            if len(calls) == 2:  # the last thing that is asked before the removal
                Path(directory, "new").write_text("new")
                Path(renewed).write_text("new")
            return found

        with mock.patch.object(processes, "holders_of", holders_of):
            out = self.clean("--pattern=x-d*", "--yes", "--min-age=0s", code=1)
        self.assertEqual(sorted(os.listdir(directory)), ["1", "new"])
        self.assertIn(f"failed {directory}: 1 entry", out)
        self.assertIn(f"failed {renewed}: it has changed", out)

    def test_never_removes_the_working_directory(self) -> None:
        path = os.path.join(self.temp, "x-dir")
        os.mkdir(path)
        done = subprocess.run(
            [sys.executable, "-m", "tempfiles", "clean", "--temp-dir", self.temp, "--pattern",
             "x-d*", "--yes", "--min-age", "0s"],
            cwd=path, env={**os.environ, "PYTHONPATH": REPOSITORY}, capture_output=True, text=True,
            check=False,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("open in pid", done.stdout)
        self.assertTrue(os.path.isdir(path))


class ProcessTests(TempDirectoryCase):
    def test_ends_quietly_when_its_reader_has_gone(self) -> None:
        for number in range(50):
            os.mkdir(os.path.join(self.temp, f"tidy-{number}"))
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-m", "tempfiles", "status", "--temp-dir", self.temp], stdout=writing,
            stderr=subprocess.PIPE, cwd=REPOSITORY, check=False,
        )
        os.close(writing)
        self.assertEqual((done.returncode, done.stderr), (1, b""))

    def test_leaves_a_root_that_is_being_reaped_to_the_other(self) -> None:
        dead = dead_run(self.temp)
        lock = flock.acquire(dead)
        assert lock is not None
        self.addCleanup(lock.release)
        self.assertIn(f"left {dead}: live", self.clean())
