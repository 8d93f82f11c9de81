"""The help, the list of settings and the completion of a shell."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from runner.errors import UsageError
from runner.settings.help import completion_script, help_text, settings_text
from runner.settings.load import load
from runner.settings.options import BY_NAME, OPTIONS
from runner.settings.unittest_arguments import UnittestArguments
from tests.support.settings import SettingsTestCase


class HelpTests(unittest.TestCase):
    def test_help_lists_every_option(self) -> None:
        text = " ".join(help_text().split())
        for option in OPTIONS:
            with self.subTest(option=option.name):
                self.assertIn(option.flag, text)
                self.assertIn(option.help, text)

    def test_examples_in_the_help_are_valid(self) -> None:
        examples = [line for line in help_text().splitlines() if line.startswith("  tidytest ")]
        self.assertGreaterEqual(len(examples), 5)
        for line in examples:
            words = line.split("  ")[1].split()[1:]
            with self.subTest(words=words):
                remaining = load(words, cwd="/", environ={}).remaining
                self.assertIsNone(UnittestArguments(remaining).exit_code)


class SettingsTextTests(SettingsTestCase):
    def test_settings_are_lines_with_value_and_source(self) -> None:
        self.file("leaks = 'fail'", "leak-ignore = ['a', 'b']")
        lines = settings_text(self.load("--no-reap", "--shuffle=5")).splitlines()
        rows = {line.split()[0]: line for line in lines}
        self.assertEqual(len(rows), len([o for o in OPTIONS if o.allowed != "command line"]))
        self.assertEqual(rows["leaks"].split(), ["leaks", "fail", "pyproject.toml:2"])
        self.assertEqual(rows["reap"].split(), ["reap", "off", "command", "line"])
        self.assertEqual(rows["shuffle"].split()[1], "5")
        self.assertIn(" a, b ", rows["leak-ignore"])
        self.assertEqual(rows["keep-bytes"].split(), ["keep-bytes", "1G", "default"])
        column = rows["leaks"].index("pyproject")
        self.assertTrue(
            all(row[column - 2 : column] == "  " and row[column] != " " for row in rows.values())
        )


class CompletionTests(unittest.TestCase):
    def setUp(self) -> None:
        try:
            import shtab  # noqa: F401
        except ImportError:
            self.skipTest("shtab is not installed")

    def test_script_has_all_options_for_each_shell(self) -> None:
        for shell in BY_NAME["completion"].type.choices:
            script = completion_script(shell)
            for name in ("leak-json", "no-reap", "failfast", "start-directory"):
                with self.subTest(shell=shell, name=name):
                    self.assertIn(name, script)

    def test_choices_of_an_option_are_completed(self) -> None:
        self.assertIn("on-failure", completion_script("bash"))

    @unittest.skipUnless(shutil.which("bash"), "bash is not installed")
    def test_files_and_directories_are_completed(self) -> None:
        place = self.enterContext(tempfile.TemporaryDirectory())
        os.mkdir(os.path.join(place, "adir"))
        Path(place, "afile.py").touch()
        script = f"""{completion_script("bash")}
            for typed in "discover -s a" "discover -t a" "a" "--html a"; do
                COMP_WORDS=(tidytest $typed)
                COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
                _shtab_tidytest
                echo $typed: $(printf "%s\\n" "${{COMPREPLY[@]}}" | sort)
            done
            complete -p tidytest
        """
        lines = subprocess.run(
            ["bash", "-c", script], cwd=place, capture_output=True, text=True, check=True
        ).stdout.splitlines()
        self.assertEqual(lines[:4], [
            "discover -s a: adir", "discover -t a: adir", "a: adir afile.py",
            "--html a: adir afile.py",
        ])
        self.assertIn(" -o default ", lines[4])

    def test_missing_extra_is_one_line(self) -> None:
        hidden = sys.modules.pop("shtab", None)
        sys.modules["shtab"] = None  # type: ignore[assignment]
        try:
            with self.assertRaisesRegex(UsageError, r'pip install "tidytest\[completion\]"$'):
                completion_script("bash")
        finally:
            del sys.modules["shtab"]
            if hidden is not None:
                sys.modules["shtab"] = hidden


if __name__ == "__main__":
    unittest.main()
