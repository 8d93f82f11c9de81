"""`--detect processes`: processes that tests started and left running."""

from __future__ import annotations

import json

from tests.support.projects import ProjectTestCase

TESTS = """
    import subprocess, unittest; QUIET = dict.fromkeys(["stdout", "stderr"], subprocess.DEVNULL)
    subprocess.Popen(["sleep", "3"], **QUIET)
    class T(unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            cls.shared = subprocess.Popen(["sleep", "5"], **QUIET)
        @classmethod
        def tearDownClass(cls):
            cls.shared.kill(); cls.shared.wait()
        def test_a_leaves(self):
            self.__class__.left = subprocess.Popen(["sleep", "6"], **QUIET)
        def test_b_waits(self):
            self.left.kill(); self.left.wait()
            subprocess.run(["true"])
        def test_c_terminates(self):
            self.__class__.terminated = subprocess.Popen(["sleep", "7"], **QUIET)
            self.terminated.terminate()
        def test_d_leaves_a_daemon(self):
            subprocess.run("(sleep 2 &); true", shell=True, **QUIET)
"""


class DetectProcessesTests(ProjectTestCase):
    def test_each_process_is_reported_once_and_fails_nothing(self) -> None:
        self.write("test_it.py", TESTS)
        words = ("--detect", "processes", "--leaks", "fail", "--late-grace", "0")
        reports = ("--leak-json", "leaks.json", "--html", "page.html")
        outcome = self.tidytest(*words, *reports, "test_it")
        self.assertEqual(outcome.code, 0, outcome.err)
        lines = [line for line in outcome.err.splitlines() if "still running" in line]
        self.assertEqual(len(lines), 3, outcome.err)
        self.assertRegex(
            outcome.err, r"\nthe run, outside its tests\n  process \d+ is still running: sleep 3"
        )
        self.assertRegex(lines[0], r"^  process \d+ is still running: sleep 6  "
                                   r"test_it.py:12 in test_a_leaves  subprocess sleep$")
        self.assertRegex(lines[1], r"^  process \d+ is still running: sleep 2  ")
        report = json.loads((self.project / "leaks.json").read_text())
        found = {entry["text"].split(": ")[1]: entry for entry in report["findings"]}
        self.assertEqual(found.keys(), {"sleep 2", "sleep 3", "sleep 6"})
        self.assertEqual(found["sleep 6"]["context"], "test_it.T.test_a_leaves")
        self.assertEqual(found["sleep 6"]["origin"]["line"], 12)
        page = (self.project / "page.html").read_text()
        self.assertRegex(page, r'"findings":\[\{"text":"process \d+ is still running: sleep')

    def test_nothing_is_detected_without_it(self) -> None:
        self.write("test_it.py", TESTS)
        outcome = self.tidytest("--late-grace", "0", "test_it.T.test_a_leaves")
        self.assertNotIn("still running", outcome.err)

    def test_q_keeps_one_line_on_what_was_found(self) -> None:
        self.write("test_it.py", TESTS + """
        def test_e_changes_a_file(self):
            open("test_it.py", "a").close(); open("notes.txt", "w").close()
""")
        self.write("notes.txt", "x")
        outcome = self.tidytest("-q", "--detect", "processes", "--watch-modified",
                                "--late-grace", "0", "test_it")
        found = "FOUND: 3 by --detect processes, 1 changed file of the project"
        self.assertEqual(outcome.err.splitlines()[-2:],
                         ["OK", f"{found}; --html or --leak-json"], outcome.err)
