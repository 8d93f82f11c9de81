"""`python -m tempfiles status`: what it lists of live and dead runs."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path
from typing import Any
from unittest import mock

from tempfiles.__main__ import main
from tempfiles.roots import ownership
from tests.support.real_runs import dead_run, live_run

LEAKY = """
journal.enter("a.B.test_two", "test")
os.close(os.open(root + "/0/la\\nte", os.O_CREAT))
"""


def call(*argv: str) -> tuple[int, str, str]:
    """Run a sub-command in this process; return its exit code, output and complaints."""
    with (
        contextlib.redirect_stdout(io.StringIO()) as out,
        contextlib.redirect_stderr(io.StringIO()) as err,
    ):
        try:
            code = main(argv)
        except SystemExit as exit:
            code = int(exit.code or 0)
    return code, out.getvalue(), err.getvalue()


class StatusTests(unittest.TestCase):
    def setUp(self) -> None:
        self.temp = os.path.realpath(self.enterContext(tempfile.TemporaryDirectory()))

    def status(self, *options: str) -> str:
        code, out, err = call("status", "--temp-dir", self.temp, *options)
        self.assertEqual((code, err), (0, ""))
        return out

    def as_json(self) -> Any:
        return json.loads(self.status("--json"))

    def test_of_an_empty_directory_says_so(self) -> None:
        out = self.status()
        self.assertIn(f"{self.temp}: 0 files, 0 directories, 0 B", out)
        self.assertTrue(out.endswith("0 roots\n"))

    def test_lists_state_owner_project_age_and_size_of_each_root(self) -> None:
        dead_run(self.temp)
        os.mkdir(os.path.join(self.temp, "tidy-unmarked"))
        os.symlink("x", os.path.join(self.temp, "tidy-link"))
        kept = os.path.join(self.temp, "tidy-kept-1")
        os.mkdir(kept)
        ownership.mark_kept(kept, project="/p", argv=[]).release()
        with live_run(self.temp) as (live, process):
            out = self.status()
            self.assertIn(f"live      {live}  /some/project  by ", out)
            self.assertIn(f"(pid {process.pid})", out)
        self.assertIn("command: python -m suite", out)
        for text in ("s old", "entries, ", "orphaned  ", "kept  ", "no marker", "symbolic link"):
            self.assertIn(text, out)
        self.assertIn("5 roots: 1 live, 1 orphaned, 1 kept, 1 foreign, 1 refused", out)

    def test_names_the_test_that_was_running_and_what_it_left(self) -> None:
        dead = dead_run(self.temp, LEAKY)
        out = self.status()
        self.assertIn("running: a.B.test_two (test)", out)
        self.assertIn(f"left: {dead}/0/la\\nte  file, 0 B  by a.B.test_two", out)

    def test_content_of_a_directory_is_reported_as_by_the_run(self) -> None:
        made = 'os.mkdir(root + "/0/d")\nos.close(os.open(root + "/0/d/f", os.O_CREAT))\n'
        dead = dead_run(self.temp, LEAKY + made)
        self.assertIn(f"left: {dead}/0/d  directory, 0 B, 1 file  by a.B.test_two", self.status())

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_root_that_a_process_uses_is_in_use_and_not_orphaned(self) -> None:
        dead = dead_run(self.temp, LEAKY)
        environment = {**os.environ, "TMPDIR": f"{dead}/0"}
        with subprocess.Popen(["sleep", "60"], env=environment) as process:
            self.addCleanup(process.kill)
            user = f"in use by pid {process.pid} (sleep)"
            out = self.status()
            self.assertIn(f"  in use    {dead}  /some/project", out)
            self.assertIn(f"\n            {user}\n", out)
            self.assertIn(f"left: {dead}/0/la\\nte  file, 0 B  by a.B.test_two", out)
            self.assertIn("1 root: 1 in use", out)
            (root,) = self.as_json()["roots"]
            self.assertEqual((root["state"], root["reason"]), ("in use", user))
            code, out, err = call("clean", "--dry-run", "--temp-dir", self.temp)
            self.assertEqual((code, err), (0, ""))
            self.assertEqual(out, f"nothing to remove\nleft {dead}: {user}\n")
            process.kill()
        self.assertIn("1 root: 1 orphaned", self.status())

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_root_with_a_live_run_in_it_is_in_use(self) -> None:
        dead = dead_run(self.temp)
        with live_run(f"{dead}/0") as (_, process):
            self.assertIn(f"in use by pid {process.pid} (", self.status())

    def test_as_json_has_the_same(self) -> None:
        dead = dead_run(self.temp, LEAKY)
        content = self.as_json()
        (place,) = content["temp_dirs"]
        self.assertEqual((place["path"], place["files"], place["directories"]), (self.temp, 3, 2))
        (root,) = content["roots"]
        self.assertEqual((root["path"], root["state"], root["entries"]), (dead, "orphaned", 1))
        self.assertEqual(root["project"], "/some/project")
        self.assertEqual(root["argv"], ["python", "-m", "suite"])
        self.assertEqual(root["running"], {"id": "a.B.test_two", "scope": "test"})
        self.assertEqual([leak["path"] for leak in root["leaks"]], [dead + "/0/la\nte"])

    def test_does_not_call_what_a_live_run_has_made_a_leak(self) -> None:
        with live_run(self.temp, "os.close(os.open(root + '/0/f', os.O_CREAT))"):
            (root,) = self.as_json()["roots"]
        self.assertEqual((root["state"], root["leaks"]), ("live", []))

    def test_changes_nothing(self) -> None:
        dead_run(self.temp, LEAKY)
        before = sorted(os.walk(self.temp))
        self.status()
        self.assertEqual(sorted(os.walk(self.temp)), before)

    def test_default_places_are_temp_directory_and_memory(self) -> None:
        places = [os.path.join(self.temp, name) for name in ("one", "two")]
        for place in places:
            os.mkdir(place)
        with (
            mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": places[1]}),
            mock.patch.object(tempfile, "tempdir", places[0]),
        ):
            found = json.loads(call("status", "--json")[1])["temp_dirs"]
        self.assertEqual([place["path"] for place in found[:2]], places)
        self.assertLessEqual({place["path"] for place in found[2:]}, {"/dev/shm"})

    def test_of_a_bad_directory_is_one_line_that_names_the_option(self) -> None:
        Path(self.temp, "file").touch()
        for path in ("/nonexistent", "", self.temp + "/file"):
            code, out, err = call("status", "--temp-dir", path)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1))
            self.assertIn("--temp-dir", err)
            self.assertIn(repr(path), err)

    def test_without_a_command_or_with_a_wrong_one_is_one_line(self) -> None:
        for argv in ([], ["nonsense"], ["status", "--nonsense"], ["status", "extra"]):
            code, out, err = call(*argv)
            self.assertEqual((code, out, err.count("\n")), (2, "", 1), err)
