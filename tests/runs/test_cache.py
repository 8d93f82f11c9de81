"""The cache directory of a project, and runs that cannot write it."""

from __future__ import annotations

import os
import shutil
import subprocess
import unittest

from tests.support.projects import ProjectTestCase

LEAKING = """
import os, tempfile, unittest
class T(unittest.TestCase):
    def test(self):
        tempfile.mkdtemp()
        {}
"""


class CacheTests(ProjectTestCase):
    def test_it_is_a_tagged_directory_that_git_ignores(self) -> None:
        self.write("test_a.py", LEAKING.format(""))
        self.assertEqual(self.tidytest().code, 0)
        cache = self.project / ".tidytest_cache"
        names = {".gitignore", "CACHEDIR.TAG", "tests.json", "last-leaks.jsonl"}
        self.assertEqual(names, set(os.listdir(cache)))
        self.assertIn("Signature: 8a477f597d28d172789f06886806bc55",
                      (cache / "CACHEDIR.TAG").read_text())
        if shutil.which("git"):
            subprocess.run(["git", "init", "-q"], cwd=self.project, check=True)
            status = subprocess.run(
                ["git", "status", "--porcelain", "-uall"], cwd=self.project, check=True,
                capture_output=True, text=True,
            )
            self.assertNotIn("tidytest_cache", status.stdout)

    def test_a_run_without_leaks_and_failures_creates_none(self) -> None:
        self.write("test_a.py", "import unittest\nclass T(unittest.TestCase):\n def test(self): 1")
        self.tidytest()
        self.assertFalse((self.project / ".tidytest_cache").exists())

    @unittest.skipUnless(hasattr(os, "geteuid") and os.geteuid() == 0, "needs root to chown")
    def test_a_cache_of_another_user_is_neither_read_nor_written(self) -> None:
        victim = self.project.parent / "victim"
        victim.write_text("the user's")
        cache = self.project / ".tidytest_cache"
        self.write("test_a.py", LEAKING.format("open('left', 'w').close()"))
        for is_link in (False, True):
            with self.subTest(is_link=is_link):
                place = self.project.parent / "elsewhere" if is_link else cache
                place.mkdir()
                for name in ("leaks.jsonl", "tests.json", ".gitignore"):
                    (place / name).symlink_to(victim)
                os.chown(place, 1234, 1234)
                if is_link:
                    cache.symlink_to(place)
                    os.chown(place, 0, 0)
                    os.chown(cache, 1234, 1234, follow_symlinks=False)
                outcome = self.tidytest("--leak-ignore", ".tidytest_cache")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertIn(".tidytest_cache belongs to user 1234", outcome.err)
                self.assertEqual(victim.read_text(), "the user's")
                names = {"leaks.jsonl", "tests.json", ".gitignore"}
                self.assertEqual({*os.listdir(place)}, names)
                (self.project / "left").unlink()
                if is_link:
                    cache.unlink()
                else:
                    shutil.rmtree(cache)

    def test_an_unwritable_cache_never_changes_the_exit_code(self) -> None:
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))"
        ways = {
            "a limit of file sizes": limit,
            "a file in its place": "open('.tidytest_cache', 'w').close()",
            "a link that leads nowhere": "os.symlink('nowhere/x', '.tidytest_cache')",
        }
        for way, line in ways.items():
            with self.subTest(way):
                (self.project / ".tidytest_cache").unlink(missing_ok=True)
                self.write("test_a.py", LEAKING.format(line))
                outcome = self.tidytest("--leak-ignore", ".tidytest_cache")
                self.assertEqual(outcome.code, 0, outcome.err)
                self.assertIn("tidytest: warning: ", outcome.err)
                shutil.rmtree(self.project / ".tidytest_cache", ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
