"""Settings in pyproject.toml and setup.cfg: which file counts, and the errors of bad ones."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import unittest
from pathlib import Path

from runner.cli.main import main
from tests.support.settings import SettingsTestCase

ROOT = Path(__file__).parents[3]
IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


class SettingsFileTests(SettingsTestCase):
    def test_pyproject_in_the_working_directory_counts(self) -> None:
        self.write("pyproject.toml", "[project]\nname = 'x'\n\n[tool.tidytest]\nleaks = 'fail'\n")
        loaded = self.load()
        self.assertEqual(loaded.config.leaks, "fail")
        self.assertEqual(loaded.sources["leaks"], "pyproject.toml:5")
        self.assertEqual(loaded.sources["guard"], "default")

    def test_setup_cfg_in_the_working_directory_counts(self) -> None:
        self.write("setup.cfg", "[metadata]\nname = x\n[tidytest]\nleaks = fail\nguard: yes\n")
        loaded = self.load()
        self.assertEqual((loaded.config.leaks, loaded.config.guard), ("fail", True))
        self.assertEqual(loaded.sources["guard"], "setup.cfg:5")

    def test_nearest_file_with_a_section_counts(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\nleaks = 'fail'\nhtml = 'out/leaks.html'\n")
        self.write("a/pyproject.toml", "[project]\nname = 'tidytest-user'\n")
        self.write("a/b/keep.txt", "")
        loaded = self.load(below="a/b")
        self.assertEqual(loaded.config.leaks, "fail")
        self.assertEqual(loaded.sources["leaks"], str(Path("../../pyproject.toml:2")))
        # A path in a file is relative to that file.
        self.assertEqual(loaded.config.html, str(self.root / "out" / "leaks.html"))
        self.write("a/setup.cfg", "[tidytest]\nleaks = off\n")
        self.assertEqual(self.load(below="a/b").config.leaks, "off")

    def test_files_above_the_checkout_are_not_read(self) -> None:
        (self.root.parent / "pyproject.toml").write_text("[tool.tidytest]\nleaks = 'fail'\n")
        self.assertEqual(self.load().config.leaks, "report")
        (self.root / ".git").rmdir()
        self.assertEqual(self.load().config.leaks, "fail")

    @unittest.skipUnless(IS_ROOT, "only root can give files away")
    def test_file_of_another_user_is_refused_with_its_name(self) -> None:
        self.write("a/file", "")
        for name, section in (("pyproject.toml", "[tool.tidytest]"), ("setup.cfg", "[tidytest]")):
            self.write(name, f"{section}\n")
            path = self.root / name
            os.chown(path, 1234, 1234)
            for below, shown in (("", name), ("a", f"../{name}")):
                with self.subTest(name, below=below):
                    reason = f"{shown}: it belongs to user 1234, so its settings are refused; "
                    self.assertTrue(self.refused(below=below).startswith(reason))
                    self.assertIn("1234", self.refused("--leaks=off", below=below))
            # One without a section of ours is not used, and one that is nearer is.
            path.write_text("[tool.other]\n")
            self.assertEqual(self.load(below="a").config.leaks, "report")
            path.write_text(f"{section}\nleaks = bad\n")
            self.write("a/pyproject.toml", "[tool.tidytest]\n")
            self.assertEqual(self.load(below="a").config.leaks, "report")
            (self.root / "a" / "pyproject.toml").unlink()
            path.unlink()

    @unittest.skipUnless(IS_ROOT, "only root can give files away")
    def test_file_of_the_owner_of_the_working_directory_counts(self) -> None:
        self.file("leaks = 'fail'")
        for path in (self.root, self.root / "pyproject.toml"):
            os.chown(path, 1234, 1234)
        self.assertEqual(self.load().config.leaks, "fail")

    @unittest.skipUnless(hasattr(os, "geteuid"), "permissions of POSIX")
    def test_file_that_others_can_write_or_link_is_refused(self) -> None:
        self.file("leaks = 'fail'")
        path = self.root / "pyproject.toml"
        path.chmod(0o666)
        self.assertIn("pyproject.toml: everyone can write to it", self.refused())
        path.chmod(0o664)
        self.assertEqual(self.load().config.leaks, "fail")
        if IS_ROOT:
            path.rename(self.root / "other")
            path.symlink_to("other")
            self.assertEqual(self.load().config.leaks, "fail")
            os.chown(path, 1234, 1234, follow_symlinks=False)
            self.assertIn("it belongs to user 1234", self.refused())

    @unittest.skipUnless(hasattr(os, "mkfifo"), "devices of POSIX")
    def test_file_above_that_is_no_settings_file_is_passed_over(self) -> None:
        for name in ("pyproject.toml", "setup.cfg"):
            path = self.root / name
            section = "[tool.tidytest]\n" if name.endswith("toml") else "[tidytest]\n"
            for kind in ("FIFO", "device", "large file"):
                with self.subTest(name, kind=kind):
                    if kind == "FIFO":
                        os.mkfifo(path)
                    elif kind == "device":
                        path.symlink_to("/dev/zero")
                    else:
                        path.write_text(section)
                        os.truncate(path, 1 << 40)
                    self.assertEqual(self.load(below="a").config.leaks, "report")
                    path.unlink()

    def test_file_that_is_too_large_or_too_deep_is_refused(self) -> None:
        path = self.root / "pyproject.toml"
        path.write_text("[tool.tidytest]\n")
        os.truncate(path, 1 << 40)
        self.assertIn("pyproject.toml: larger than 4,194,304 bytes", self.refused())
        path.write_text("[tool.tidytest]\nleaks = " + "[" * 100_000)
        self.assertIn("pyproject.toml: not valid TOML: nested too deeply", self.refused())

    def test_settings_in_both_files_are_refused(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\n")
        self.write("setup.cfg", "[tidytest]\n")
        self.assertEqual(
            self.refused(),
            "settings in both pyproject.toml and setup.cfg: keep them in one of the two",
        )

    def test_file_without_a_section_is_not_parsed(self) -> None:
        self.write("pyproject.toml", "dependencies = ['tidytest>=1'] this is not TOML")
        self.write("setup.cfg", "tidytest: this has no header")
        self.assertEqual(self.load().config.leaks, "report")

    def test_parser_is_imported_only_for_a_section(self) -> None:
        script = (
            "import sys; from runner.settings.load import load\n"
            "load([], cwd=sys.argv[1], environ={})\n"
            "print(*{'tomllib', 'configparser'} & set(sys.modules))"
        )

        def imported() -> str:
            command = [sys.executable, "-c", script, str(self.root)]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            return done.stdout.strip()

        self.write("pyproject.toml", "[project]\ndependencies = ['tidytest']\n")
        self.write("setup.cfg", "[metadata]\nname = tidytest\n")
        self.assertEqual(imported(), "")
        self.write("pyproject.toml", "[tool.tidytest]\n")
        self.assertEqual(imported(), "tomllib")

    def test_every_spelling_of_the_table_is_found(self) -> None:
        for text in (
            "[tool.tidytest]\nguard = true\n",
            '[ tool . "tidytest" ]\nguard = true\n',
            "[tool]\ntidytest.guard = true\n",
            "[tool]\ntidytest = {guard = true}\n",
            "tool.tidytest.guard = true\n",
            "tool = {tidytest = {guard = true}}\n",
            "\ufeff[tool.tidytest]\r\nguard = true\r\n",
        ):
            with self.subTest(text=text):
                (self.root / "pyproject.toml").write_bytes(text.encode())
                self.assertTrue(self.load().config.guard)


class FileValuesTests(SettingsTestCase):
    def test_keys_take_dashes_and_underscores(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\nlate_grace = 1\nkeep-runs = 7\n")
        config = self.load().config
        self.assertEqual((config.late_grace, config.keep_runs), (1.0, 7))
        self.write("pyproject.toml", "")
        self.write("setup.cfg", "[tidytest]\nlate-grace = 0.5\nkeep_runs = 8\n")
        config = self.load().config
        self.assertEqual((config.late_grace, config.keep_runs), (0.5, 8))

    def test_list_is_an_array_or_a_string(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\nleak-ignore = ['a,b', '*.log']\n")
        self.assertEqual(self.load().config.leak_ignore, ("a,b", "*.log"))
        self.write("pyproject.toml", "[tool.tidytest]\nleak-ignore = '*.log'\n")
        self.assertEqual(self.load().config.leak_ignore, ("*.log",))

    def test_list_in_setup_cfg_has_lines_or_commas(self) -> None:
        self.write("setup.cfg", "[tidytest]\nleak-ignore =\n    %(x)s*\n    b.log\nleaks = fail\n")
        loaded = self.load()
        self.assertEqual(loaded.config.leak_ignore, ("%(x)s*", "b.log"))
        self.assertEqual(loaded.sources["leaks"], "setup.cfg:5")
        self.write("setup.cfg", "[tidytest]\ncoverage = on\ncoverage_report = html, xml\n")
        self.assertEqual(self.load().config.coverage_report, ("html", "xml"))

    def test_opposite_may_be_a_key(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\nno-reap = true\n")
        self.assertFalse(self.load().config.reap)
        self.write("pyproject.toml", "[tool.tidytest]\nno_reap = false\n")
        self.assertTrue(self.load().config.reap)
        self.write("pyproject.toml", "[tool.tidytest]\nno-reap = true\nreap = true\n")
        self.assertEqual(self.refused(), "pyproject.toml:3: reap is set already (pyproject.toml:2)")

    def test_shuffle_is_a_seed_or_a_switch(self) -> None:
        for text, seed in (("0", 0), ("1", 1), ("false", None)):
            self.write("pyproject.toml", f"[tool.tidytest]\nshuffle = {text}\n")
            with self.subTest(text=text):
                self.assertEqual(self.load().config.shuffle, seed)
        self.write("pyproject.toml", "[tool.tidytest]\nshuffle = true\n")
        self.assertIs(type(self.load().config.shuffle), int)

    def test_sizes_are_texts_or_bytes(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\nkeep-bytes = '2M'\n")
        self.assertEqual(self.load().config.keep_bytes, 2 << 20)
        self.write("pyproject.toml", "[tool.tidytest]\nkeep-bytes = 4096\n")
        self.assertEqual(self.load().config.keep_bytes, 4096)


class BadFileTests(SettingsTestCase):
    def test_bad_toml_setting_names_file_and_line(self) -> None:
        cases = {
            "leek = 'fail'": "no setting is called 'leek'; the nearest is 'leaks'",
            "leak_jsn = 'x'": "no setting is called 'leak_jsn'; the nearest is 'leak-json'",
            "leaks = 'loud'": "leaks: 'loud' is not one of report, fail, off",
            "leaks = true": "leaks: must be one of report, fail, off, not a boolean",
            "guard = 1": "guard: must be true or false, not an integer",
            "guard = 'yes'": "guard: must be true or false, not a string",
            "repeat = '3'": "repeat: must be a whole number of at least 1, not a string",
            "repeat = 0": "repeat: '0' is not a whole number of at least 1",
            "repeat = true": "repeat: must be a whole number of at least 1, not a boolean",
            "late-grace = nan": "late-grace: 'nan' is not a number of seconds",
            "late-grace = inf": "late-grace: 'inf' is not a number of seconds",
            "late-grace = -1": "late-grace: '-1' is not a number of seconds",
            "monitor = 3": "monitor: must be the name of a file, not an integer",
            "html = ''": "html: '' is not the name of a file, or - for standard output",
            "leak-ignore = ['a', 3]": "leak-ignore: must be a pattern, not an integer",
            "leak-ignore = {a = 1}": "leak-ignore: must be a pattern, not a table",
            "leaks = 2026-01-01": "leaks: must be one of report, fail, off, not a date or time",
            "version = true": "'version' can only be set on the command line",
            "pdb = true": "'pdb' can only be set on the command line or in the environment",
            "no-html = false": "no-html: only true is valid here; it switches html off",
        }
        for line, words in cases.items():
            self.write("pyproject.toml", f"[tool.x]\nleaks = 1\n\n[tool.tidytest]\n{line}\n")
            with self.subTest(line=line):
                self.assertEqual(self.refused(), f"pyproject.toml:5: {words}")

    def test_bad_setup_cfg_setting_names_file_and_line(self) -> None:
        cases = {
            "leek = fail": "no setting is called 'leek'; the nearest is 'leaks'",
            "leaks = loud": "leaks: 'loud' is not one of report, fail, off",
            "guard = maybe": "guard: 'maybe' is not true or false",
            "repeat = many": "repeat: 'many' is not a whole number of at least 1",
            "coverage-fail-under = 101": "coverage-fail-under: '101' is not a number from 0 to 100",
        }
        for line, words in cases.items():
            text = f"[other]\nleaks = 1\n[tidytest]\nleak-ignore =\n  leaks = 2\n# x\n{line}\n"
            self.write("setup.cfg", text)
            with self.subTest(line=line):
                self.assertEqual(self.refused(), f"setup.cfg:7: {words}")

    def test_line_is_right_after_similar_text(self) -> None:
        self.write(
            "pyproject.toml",
            "[tool.other]\nleaks = 1\ntext = '''\n[tool.tidytest]\nleaks = 2\n'''\n"
            "# leaks = 3\n[tool.tidytest]\nleak-ignore = [  # leaks\n  'leaks = 4',\n]\n\n"
            "# leaks\nleaks = 5\n",
        )
        self.assertEqual(
            self.refused(),
            "pyproject.toml:14: leaks: must be one of report, fail, off, not an integer",
        )

    def test_malformed_file_is_one_line(self) -> None:
        cases = {
            "[tool.tidytest]\nleaks = \n": "pyproject.toml:2: not valid TOML: Invalid value",
            "[tool.tidytest]\nleaks = 'a\n": "pyproject.toml:2: not valid TOML: ",
            "[tool.tidytest]\nleak-ignore = [\n\n": "pyproject.toml:3: not valid TOML: ",
            "[tool.tidytest]\n[tool.tidytest]\n": "pyproject.toml:2: not valid TOML: ",
            "[tool.tidytest]\nleaks = 'off'\nleaks = 'off'": "pyproject.toml:3: not valid TOML: "
            "Cannot overwrite a value (at the end of the file)",
            "[tool]\ntidytest = 3\n": "pyproject.toml: tool.tidytest must be a table",
            "[[tool.tidytest]]\nleaks = 'fail'\n": "pyproject.toml: tool.tidytest must be a table",
            "[tool.tidytest\nleaks = 'fail'\n": "pyproject.toml:1: not valid TOML: ",
            "[tool.tidytest]\n# \u2028 \x85\nleakz = 1\n": "pyproject.toml:3: no setting is called",
        }
        for text, beginning in cases.items():
            self.write("pyproject.toml", text)
            with self.subTest(text=text):
                self.assertTrue(self.refused().startswith(beginning), self.refused())
        self.write("pyproject.toml", "")
        cases = {
            "[tidytest]\npdb = 1\npdb = 2\n": "setup.cfg:3: 'pdb' is set twice in [tidytest]",
            "[tidytest]\n[tidytest]\n": "setup.cfg:2: [tidytest] occurs twice",
            "[tidytest]\nleaks\n": "setup.cfg:2: not a valid line",
            "x = 1\n[tidytest]\n": "setup.cfg:1: not a valid line",
        }
        for text, message in cases.items():
            self.write("setup.cfg", text)
            with self.subTest(text=text):
                self.assertEqual(self.refused(), message)

    def test_file_that_is_not_utf_8_is_refused_with_line(self) -> None:
        (self.root / "pyproject.toml").write_bytes(b"[tool.tidytest]\nhtml = '\xff'\n")
        self.assertEqual(self.refused(), "pyproject.toml:2: not valid UTF-8")

    def test_help_and_version_work_with_a_bad_file(self) -> None:
        self.write("pyproject.toml", "[tool.tidytest]\nleek = 1\n")
        self.enterContext(contextlib.chdir(self.root))
        printed = self.enterContext(contextlib.redirect_stdout(io.StringIO()))
        with self.assertRaises(SystemExit) as caught:
            main(["-h"])
        self.assertEqual(caught.exception.code, 0)
        self.assertIn("--leak-baseline FILE", printed.getvalue())
        self.assertTrue(self.load("--version").config.version)


if __name__ == "__main__":
    unittest.main()
