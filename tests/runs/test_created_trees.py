"""Files in directories that a test creates in its project belong to them; links do not."""

from __future__ import annotations

import json
import os
import unittest

from tests.support.projects import ProjectTestCase

SUITE = """
    import os, shutil, unittest

    class T(unittest.TestCase):
        def setUp(self):
            os.mkdir("made")

        def tearDown(self):
            shutil.rmtree("made", ignore_errors=True)

        def test_a_tree(self):
            os.makedirs("made/" + "/".join("abcdefgh"))
            open("made/a/b/file", "x").close()

        def test_b_through_a_link(self):
            os.mkdir("made/below")
            os.symlink(os.path.abspath("elsewhere"), "made/below/link")
            open("made/below/link/1", "x").close()

        def test_c_through_a_dangling_link(self):
            os.symlink(os.path.abspath("elsewhere/2"), "made/link")
            open("made/link", "w").close()

        def test_d_through_a_link_in_its_place(self):
            os.mkdir("made/below")
            os.rmdir("made/below")
            os.symlink(os.path.abspath("elsewhere"), "made/below")
            open("made/below/3", "x").close()

        def test_e_through_a_link_in_the_place_of_what_was_moved(self):
            os.mkdir("made/below")
            os.rename("made", "moved")
            self.addCleanup(shutil.rmtree, "moved")
            os.symlink(os.path.abspath("elsewhere"), "made")
            self.addCleanup(os.unlink, "made")
            os.mkdir("made/4")
            open("made/4/file", "x").close()

        def test_f_moved_out_of_it(self):
            open("made/file", "x").close()
            os.rename("made/file", "elsewhere/5")

        def test_g_left(self):
            self.doCleanups()
            os.mkdir("left")
            os.mkdir("left/below")
            open("left/below/file", "x").close()

        def test_h_removes_and_makes_anew_what_was_there(self):
            os.unlink("older")
            open("older", "x").close()

    class Fixture(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            os.mkdir("fixture")
            cls.addClassCleanup(shutil.rmtree, "fixture")

        @classmethod
        def tearDownClass(cls):
            open("fixture/link", "w").close()

        def test_links(self):
            os.symlink(os.path.abspath("elsewhere/6"), "fixture/link")
"""


class CreatedTreeTests(ProjectTestCase):
    def test_only_files_left_through_links_are_reported(self) -> None:
        self.write("test_it.py", SUITE)
        self.write("older", "")
        (self.project / "elsewhere").mkdir()
        outcome = self.tidytest("-q", "--leak-json", "../leaks.json")
        self.assertEqual(outcome.code, 0, outcome.err)
        report = json.loads((self.project.parent / "leaks.json").read_text("utf-8"))
        found = {
            os.path.relpath(leak["path"], self.project): leak["context"].rpartition(".")[2]
            for leak in report["leaks"] if not leak["path"].endswith("fixture/link")
        }
        self.assertEqual(found, {
            "elsewhere/1": "test_b_through_a_link",
            "elsewhere/2": "test_c_through_a_dangling_link",
            "elsewhere/3": "test_d_through_a_link_in_its_place",
            "elsewhere/4": "test_e_through_a_link_in_the_place_of_what_was_moved",
            "elsewhere/5": "test_f_moved_out_of_it",
            "elsewhere/6": "Fixture",
            "left": "test_g_left",
        })  # fmt: skip
        self.assertIn(("left", 3), [
            (os.path.basename(leak["path"]), leak["entries"]) for leak in report["leaks"]
        ])


if __name__ == "__main__":
    unittest.main()
