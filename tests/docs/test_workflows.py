"""The files for GitHub and Read the Docs: valid by their published schemas, true to the project."""

from __future__ import annotations

import configparser
import json
import re
import unittest
from collections.abc import Iterator
from functools import cache
from importlib import import_module, resources
from importlib.util import find_spec
from typing import Any

from tests.support import documentation

ROOT = documentation.PROJECT
FILES = {
    "github-workflows": sorted((ROOT / ".github" / "workflows").glob("*.yml")),
    "github-issue-forms": sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml")),
    "github-issue-config": [ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"],
    "github-actions": sorted(ROOT.glob("action.yml")),
    "readthedocs": [ROOT / ".readthedocs.yaml"],
}  # fmt: skip


def parse(text: str) -> Any:
    """Return the content of a YAML 1.2 document, in which `on` is a word."""
    from ruamel.yaml import YAML

    return YAML(typ="safe").load(text)


@cache
def validator(name: str) -> Any:
    """Return the validator of a schema of SchemaStore, from the package `check-jsonschema`."""
    folder = resources.files("check_jsonschema") / "builtin_schemas" / "vendor"
    schema = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    return import_module("jsonschema.validators").validator_for(schema)(schema)


def steps(workflow: Any) -> Iterator[dict[str, Any]]:
    """Yield the steps of all jobs of a workflow."""
    for job in workflow["jobs"].values():
        yield from job["steps"]


@unittest.skipUnless((ROOT / ".github").exists(), "this is no checkout")
@unittest.skipUnless(find_spec("check_jsonschema"), "check-jsonschema is not installed")
class SchemaTests(unittest.TestCase):
    def assertValid(self, text: str, name: str) -> None:
        validator(name).validate(parse(text))

    def test_files_are_valid(self) -> None:
        for name, paths in FILES.items():
            for path in paths:
                with self.subTest(path.name):
                    self.assertValid(path.read_text(encoding="utf-8"), name)

    def test_examples_of_the_pages_are_valid(self) -> None:
        tried = set()
        for page in (ROOT / "docs").rglob("*.md"):
            for block in documentation.blocks(page) if "_build" not in page.parts else ():
                if block.language == "yaml":
                    name = kind(block.text)
                    with self.subTest(page=page.name, line=block.line):
                        self.assertValid(block.text, name) if name else parse(block.text)
                    tried.add(name)
        self.assertLessEqual({"github-workflows", "gitlab-ci"}, tried)

    def test_broken_workflow_is_refused(self) -> None:
        for broken in ("on: push\njobs: {a: {}}", "on: pusch\njobs: {}"):
            self.assertFalse(validator("github-workflows").is_valid(parse(broken)))


def kind(text: str) -> str:
    """Return the schema of an example; empty for a part of a file."""
    words = re.findall(r"^(\w[\w-]*):", text, re.MULTILINE)
    if "jobs" in words:
        return "circle-ci" if "version" in words else "github-workflows"
    return "gitlab-ci" if "script:" in text else ""


@unittest.skipUnless((ROOT / ".github").exists(), "this is no checkout")
@unittest.skipUnless(find_spec("ruamel.yaml"), "check-jsonschema is not installed")
class WorkflowTests(unittest.TestCase):
    workflows: dict[str, Any]

    @classmethod
    def setUpClass(cls) -> None:
        paths = FILES["github-workflows"]
        cls.workflows = {path.stem: parse(path.read_text(encoding="utf-8")) for path in paths}

    def test_ci_runs_all_systems_and_declared_versions(self) -> None:
        matrix = self.workflows["ci"]["jobs"]["tests"]["strategy"]["matrix"]
        systems = [name.partition("-")[0] for name in matrix["os"]]
        self.assertEqual(systems, ["ubuntu", "macos", "windows"])
        config = configparser.ConfigParser()
        config.read(ROOT / "setup.cfg")
        declared = re.findall(r"Python :: (3\.\d+)", config["metadata"]["classifiers"])
        self.assertEqual(declared, matrix["python"])

    def test_targets_exist(self) -> None:
        targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
        for name, workflow in self.workflows.items():
            for step in steps(workflow):
                used = re.findall(r"^make ([a-z-]+)", step.get("run", ""))
                self.assertLessEqual(set(used), targets, name)

    def test_nothing_is_published_by_itself(self) -> None:
        for name, workflow in self.workflows.items():
            publishes = "id-token" in json.dumps(workflow)
            with self.subTest(name):
                self.assertEqual(workflow["permissions"], {"contents": "read"})
                if publishes:
                    starts = {"release": {"types": ["published"]}, "workflow_dispatch": None}
                    self.assertEqual(workflow["on"], starts)

    def test_release_needs_a_release(self) -> None:
        publish = self.workflows["release"]["jobs"]["publish"]
        self.assertEqual(publish["if"], "github.event_name == 'release'")
        self.assertEqual(publish["needs"], "build")


if __name__ == "__main__":
    unittest.main()
