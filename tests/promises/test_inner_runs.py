"""A live run inside another one keeps its root when that other one ends normally."""

from __future__ import annotations

import os
import sys
import unittest
from pathlib import Path

from tests.support.whole_runs import Place, place, wait_until

SUITE = '''
import os, subprocess, sys, tempfile, time, unittest
INNER = """
import os, time, tempfiles
run = tempfiles.Run(tempfiles.RunSettings(project="/"))
run.open()
path = os.path.join(run.root.slot, "inside")
context = run.enter("inner", "test")
open(path, "w").close()
with open("inner.new", "w") as file:
    file.write(run.root.path)
os.rename("inner.new", "inner")
while not os.path.exists("go"):
    time.sleep(0.01)
assert os.path.exists(path)
run.close(context)
run.finish()
os.rename("inner", "done")
"""
class Outer(unittest.TestCase):
    def test_starts(self):
        open(os.path.join(tempfile.mkdtemp(), "left"), "w").close()
        os.rename("settings.ini", os.path.join(tempfile.gettempdir(), "settings.ini"))
        null = subprocess.DEVNULL
        subprocess.Popen([sys.executable, "-c", INNER], stdin=null, stdout=null, stderr=null,
                         start_new_session=True)
        while not os.path.exists("inner"):
            time.sleep(0.01)
'''


@unittest.skipUnless(sys.platform == "linux", "needs locks that can be trusted")
class InnerRunTests(unittest.TestCase):
    def assertKeepsRoot(self, ground: Place, *options: str) -> None:
        """Fail unless the inner run keeps its files until it ends, and the next run the rest."""
        project = Path(ground.project)
        code, output = ground.run(*options)
        inner = (project / "inner").read_text()
        self.assertEqual(code, 0, output)
        self.assertIn(f": the run in {inner} is live; a later run removes it", output)
        self.assertEqual(Path(ground.tmp, "settings.ini").read_text(), "mine", output)
        self.assertNotIn("died", ground.run_next())
        self.assertTrue(os.path.isdir(inner))
        (project / "go").touch()
        wait_until((project / "done").exists, "the inner run to end")
        ground.wait_for_processes()
        ground.run_next()
        self.assertEqual(ground.roots(), ["settings.ini"])

    def test_outer_run_that_ends_leaves_it(self) -> None:
        for options in ((), ("--leaks", "off"), ("--guard",)):
            with self.subTest(options=options), place(SUITE) as ground:
                Path(ground.project, "settings.ini").write_text("mine")
                self.assertKeepsRoot(ground, *options)


if __name__ == "__main__":
    unittest.main()
