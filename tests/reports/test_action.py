"""The action for GitHub: its steps are run here as GitHub runs them."""

from __future__ import annotations

import os
import subprocess
import sys
import unittest
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.programs import REPOSITORY
from tests.support.projects import ProjectTestCase

ACTION = Path(REPOSITORY, "action.yml")
PYTHON = """#!/bin/sh
echo "$@" > pip.txt
"""


@unittest.skipUnless(find_spec("ruamel.yaml"), "ruamel.yaml is not installed")
@unittest.skipUnless(ACTION.exists() and os.name == "posix", "this is no checkout")
class ActionTests(ProjectTestCase):
    action: Any

    @classmethod
    def setUpClass(cls) -> None:
        from ruamel.yaml import YAML

        cls.action = YAML(typ="safe").load(ACTION.read_text(encoding="utf-8"))

    def run_step(self, name: str, **inputs: str) -> subprocess.CompletedProcess[str]:
        """Run the script of a step with the values that GitHub would give it."""
        (step,) = [step for step in self.action["runs"]["steps"] if step["name"] == name]
        values = {name: each["default"] for name, each in self.action["inputs"].items()} | inputs
        given = {
            variable: self.filled(text, values) for variable, text in step["env"].items()
        }
        top = Path(REPOSITORY, ".venv", "bin").resolve()
        path = f"{self.project / 'bin'}:{top}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]], text=True,
            cwd=self.project, env=self.environment(**given, PATH=path), capture_output=True,
        )

    def filled(self, text: str, values: dict[str, str]) -> str:
        text = text.replace("${{ github.action_path }}", REPOSITORY)
        for name, value in values.items():
            text = text.replace(f"${{{{ inputs.{name} }}}}", value)
        self.assertNotIn("${{", text)
        return text

    def command(self, name: str, script: str) -> None:
        self.write(f"bin/{name}", script).chmod(0o755)

    def test_it_installs_itself_with_the_library_of_the_page(self) -> None:
        self.command("python", PYTHON)
        done = self.run_step("Install tidytest")
        self.assertEqual(done.returncode, 0, done.stderr)
        words = (self.project / "pip.txt").read_text().split()
        self.assertEqual(words, ["-m", "pip", "install", "--quiet", f"{REPOSITORY}[html]"])

    def test_it_runs_the_tests_and_writes_the_page(self) -> None:
        self.write("test_a.py", """
            import tempfile, unittest
            class T(unittest.TestCase):
                def test_a(self): tempfile.mkdtemp()
        """)
        self.command("tidytest", f"#!/bin/sh\nexec {sys.executable} -m runner \"$@\"\n")
        done = self.run_step("Run the tests", arguments="discover --leaks fail -p test_*.py")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("FAILED (leaks=1)", done.stderr)
        self.assertIn("::error file=test_a.py,line=4,", done.stdout)
        self.assertIn("<!doctype html>", (self.project / "tidytest.html").read_text("utf-8"))

    def test_the_page_is_uploaded_also_where_tests_fail(self) -> None:
        upload = self.action["runs"]["steps"][-1]
        self.assertEqual(upload["if"], "always()")
        self.assertTrue(upload["uses"].startswith("actions/upload-artifact@"))
        self.assertEqual(
            upload["with"]["path"], "${{ inputs.working-directory }}/${{ inputs.page }}"
        )


if __name__ == "__main__":
    unittest.main()
