"""The documentation: its commands are run, its options compared, its links checked."""

from __future__ import annotations

import configparser
import contextlib
import io
import re
import shlex
import tempfile
import tomllib
import unittest
from collections.abc import Iterator
from pathlib import Path

import runner
import tempfiles
from runner.settings import load
from runner.settings.help import help_text
from tests.support import documentation

DOCS = documentation.PROJECT / "docs"
PAGES = sorted(path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
# Others are about this project's own insides, and say how they were measured.
TRIED = [page for page in PAGES if "<!-- in: " in page.read_text(encoding="utf-8")]
LEAST_TRIED = {
    "tutorial.md", "tutorial-pytest.md", "adopt.md", "ci.md", "coverage.md", "hunt.md", "keep.md",
    "memory.md", "commands.md", "leak-report.md", "settings.md", "tempfiles.md",
}  # fmt: skip


def flags(text: str) -> set[str]:
    """Return the long options that a text speaks of."""
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]*[a-z](?![\w-])", text))


def program_help() -> str:
    """Return what `python -m runner --help` prints of both parsers."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.suppress(SystemExit):
        unittest.main(module=None, argv=["runner", "--help"])
    return printed.getvalue() + help_text()


class PageTests(unittest.TestCase):
    """One test a page: see `load_tests`."""

    page: Path

    def __init__(self, page: Path) -> None:
        super().__init__("try_page")
        self.page = page

    def __str__(self) -> str:
        return f"{self.page.relative_to(DOCS)} ({__name__})"

    def id(self) -> str:
        return f"{__name__}.{self.page.stem}"

    def try_page(self) -> None:
        """What a page says is typed, and does what it says."""
        directory = self.enterContext(tempfile.TemporaryDirectory())
        for complaint in documentation.try_page(self.page, Path(directory)):
            self.fail(complaint)


class EveryPageTests(unittest.TestCase):
    def test_the_pages_for_users_are_tried(self) -> None:
        self.assertLessEqual(LEAST_TRIED, {page.name for page in TRIED})

    def test_every_block_of_a_tried_page_is_run_or_says_why_not(self) -> None:
        for page in TRIED:
            for block in documentation.blocks(page):
                known = block.language in ("console", "python", "py")
                handled = block.file or block.shown or known
                directive = block.language == ""
                self.assertTrue(handled or directive, f"{page}:{block.line}")

    def test_links_lead_to_files(self) -> None:
        for page in PAGES:
            self.assertEqual(documentation.broken_links(page), [], page)

    def test_pages_with_the_command_name_its_unshadowed_equal(self) -> None:
        for page in [*PAGES, documentation.PROJECT / "README.md"]:
            text = page.read_text(encoding="utf-8")
            if "python -m runner discover" in text:
                self.assertIn("`tidytest discover`", text, page)

    def test_settings_and_commands_that_are_only_shown_are_valid(self) -> None:
        for page in [*PAGES, documentation.PROJECT / "README.md"]:
            for block in documentation.blocks(page):
                for words in _shown_commands(block):
                    with self.subTest(page=page.name, line=block.line, words=words):
                        load.load(words, cwd="/", environ={})

    def test_examples_of_the_help_are_valid(self) -> None:
        examples = re.findall(r"^  tidytest (.*?)  ", help_text(), re.MULTILINE)
        self.assertGreater(len(examples), 4)
        for words in examples:
            load.load(shlex.split(words), cwd="/", environ={})


class ReferenceTests(unittest.TestCase):
    def test_the_page_of_options_has_every_option_of_the_help(self) -> None:
        page = (DOCS / "reference" / "options.md").read_text(encoding="utf-8")
        self.assertEqual(flags(program_help()) - flags(page), set())

    def test_every_heading_of_the_page_is_an_option_of_the_help(self) -> None:
        page = (DOCS / "reference" / "options.md").read_text(encoding="utf-8")
        headings = flags("".join(re.findall(r"^### (.*)$", page, re.MULTILINE)))
        self.assertEqual(headings - flags(program_help()), set())

    def test_every_public_name_is_in_the_reference(self) -> None:
        for package in (tempfiles, runner):
            text = (DOCS / "reference" / f"{package.__name__}.md").read_text(encoding="utf-8")
            described = re.findall(r"^###+ `(\w+)`\n\n```py\n", text, re.MULTILINE)
            self.assertEqual(sorted(described), sorted({*package.__all__} - {"__version__"}))

    def test_every_entry_of_the_reference_says_something(self) -> None:
        for package in (tempfiles, runner):
            text = (DOCS / "reference" / f"{package.__name__}.md").read_text(encoding="utf-8")
            silent = re.findall(r"^###+ (.*)\n\n```py\n[^`]*```\s+(?=#|<!--)", text, re.MULTILINE)
            self.assertEqual(silent, [])
            self.assertNotRegex(text, r"(?m)^[A-Z]\w+:\n    ")  # a section of a docstring
            self.assertNotRegex(text, r"\b(StrPath|ResourceType)\b")  # private names of types

    def test_every_extra_is_on_the_page_about_the_installation(self) -> None:
        config = configparser.ConfigParser()
        config.read(documentation.PROJECT / "setup.cfg")
        text = (DOCS / "install.md").read_text(encoding="utf-8")
        named = set(re.findall(r"`(\w+)`", text[text.index("## Extras") :]))
        self.assertLessEqual(set(config["options.extras_require"]), named)

    def test_the_settings_page_names_the_variables_right(self) -> None:
        from runner.settings.options import OPTIONS

        text = (DOCS / "reference" / "settings.md").read_text(encoding="utf-8")
        variables = {option.variable for option in OPTIONS}
        self.assertLessEqual(set(re.findall(r"TIDYTEST_[A-Z]+\w*", text)), variables)

    def test_settings_in_the_pages_exist(self) -> None:
        from runner.settings.options import find

        for page in TRIED:
            for block in documentation.blocks(page):
                if block.language == "toml" and "leak-ignores" not in block.text:
                    table = tomllib.loads(block.text)["tool"]["tidytest"]
                    self.assertEqual([key for key in table if find(key) is None], [], page)


_VARIABLE = re.compile(r"\$(\{\{[^}]*\}\}|\w+)")
"""A variable of a CI system or of a shell."""


def _shown_commands(block: documentation.Block) -> Iterator[list[str]]:
    """Yield the words after our program's name in blocks that are only shown."""
    if block.shown:
        text = _VARIABLE.sub("1", block.text)
        lines = [line for line in text.splitlines() if "install" not in line]
        for words in re.findall(r"(?:python -m runner|tidytest) ([^'\n]+)", "\n".join(lines)):
            yield shlex.split(words)


def load_tests(
    loader: unittest.TestLoader, tests: unittest.TestSuite, pattern: str | None
) -> unittest.TestSuite:
    """Add a test for each page that is tried."""
    suite = unittest.TestSuite()
    for case in (EveryPageTests, ReferenceTests):
        suite.addTests(loader.loadTestsFromTestCase(case))
    suite.addTests(map(PageTests, TRIED))
    return suite


if __name__ == "__main__":
    unittest.main()
