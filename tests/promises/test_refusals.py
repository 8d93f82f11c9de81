"""Every command and run refuses roots that may be an attack, says so and leaves them."""

from __future__ import annotations

import json
import os
import shutil
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

from tempfiles.roots import marker
from tests.support.real_runs import dead_run
from tests.support.whole_runs import Place, place

NOBODY = 65534
SUITE = "import unittest\n"
WAYS = (("clean",), ("clean", "--dry-run"), ("clean", "--kept", "--min-age", "0s"))


def edited(path: str, **values: object) -> None:
    """Change a marker in place, as an attacker would."""
    content = json.loads(Path(path).read_text())
    Path(path).write_text(json.dumps({**content, **values}))


def foreign_marker(root: str) -> str:
    victim = os.path.join(os.path.dirname(root), "tidy-victim")
    os.mkdir(victim, 0o700)
    Path(victim, "precious").write_text("never to be removed")
    shutil.copy2(os.path.join(root, marker.NAME), victim)
    shutil.rmtree(root)
    return victim


def other_version(root: str) -> str:
    edited(os.path.join(root, marker.NAME), format=99)
    return root


def other_user_named(root: str) -> str:
    edited(os.path.join(root, marker.NAME), uid=NOBODY)
    return root


def linked_marker(root: str) -> str:
    elsewhere = os.path.join(root, "0", "marker")
    os.rename(os.path.join(root, marker.NAME), elsewhere)
    os.symlink(elsewhere, os.path.join(root, marker.NAME))
    return root


def open_to_all(root: str) -> str:
    os.chmod(root, 0o777)
    return root


def linked_root(root: str) -> str:
    target = os.path.join(os.path.dirname(root), "elsewhere")
    os.rename(root, target)
    os.symlink(target, root)
    return root


def others_root(root: str) -> str:
    for directory, _, files in os.walk(root):
        os.chown(directory, NOBODY, NOBODY)
        for name in files:
            os.chown(os.path.join(directory, name), NOBODY, NOBODY)
    return root


def parent_without_sticky_bit(root: str) -> str:
    os.chmod(os.path.dirname(root), 0o777)
    return root


@unittest.skipUnless(sys.platform == "linux", "kills processes and looks at them in /proc")
class RefusedRootTests(unittest.TestCase):
    """Each is the root of a run that died, changed in one way; unchanged it would be removed."""

    ground: Place

    def setUp(self) -> None:
        self.ground = self.enterContext(place(SUITE))
        self.addCleanup(os.chmod, self.ground.tmp, 0o700)

    def test_is_no_attack_unless_something_is_changed(self) -> None:
        dead_run(self.ground.tmp)
        self.assertEqual(self.ground.command("clean")[0], 0)
        self.ground.check()

    def test_a_marker_that_was_copied_to_another_directory(self) -> None:
        self.assert_refused(foreign_marker, "its marker was written for another directory")

    def test_a_marker_of_another_version(self) -> None:
        self.assert_refused(other_version, "its marker has format 99; this version knows 1")

    def test_a_marker_that_names_another_user(self) -> None:
        self.assert_refused(other_user_named, f"its marker names user {NOBODY}")

    def test_a_marker_that_is_a_link(self) -> None:
        self.assert_refused(linked_marker, "its marker is a symbolic link")

    def test_a_root_that_everyone_can_write_to(self) -> None:
        self.assert_refused(open_to_all, "other users can write to it")

    def test_a_root_that_is_a_link(self) -> None:
        self.assert_refused(linked_root, "it is a symbolic link")

    @unittest.skipUnless(hasattr(os, "geteuid") and os.geteuid() == 0, "needs root to chown")
    def test_a_root_of_another_user(self) -> None:
        self.assert_refused(others_root, f"it belongs to user {NOBODY}")

    def test_a_root_in_a_directory_open_to_all_without_sticky_bit(self) -> None:
        reason = f"{self.ground.tmp} is writable by everyone and has no sticky bit"
        self.assert_refused(parent_without_sticky_bit, reason, next_run=2)

    def assert_refused(
        self, change: Callable[[str], str], reason: str, next_run: int = 0
    ) -> None:
        root = change(dead_run(self.ground.tmp, "open(root + '/0/precious', 'w').close()"))
        before = self.ground.listing()
        code, output = self.ground.command("status", "--json")
        (found,) = (entry for entry in json.loads(output)["roots"] if entry["path"] == root)
        self.assertEqual((code, found["state"], found["reason"]), (0, "refused", reason))
        for words in WAYS:
            code, output = self.ground.command(*words)
            self.assertEqual(code, 0, output)
            self.assertIn(f"left {root}: refused, {reason}\n", output)
        code, output = self.ground.run(project=self.ground.next)
        self.assertEqual(code, next_run, output)
        self.assertEqual(self.ground.listing(), before)


if __name__ == "__main__":
    unittest.main()
