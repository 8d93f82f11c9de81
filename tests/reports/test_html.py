"""The HTML report as text: one file, nothing from elsewhere, and no text of a test as markup."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import tempfile
import unittest
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

try:
    from runner.formats import html
except ImportError as error:
    raise unittest.SkipTest("jinja2 is not installed") from error

from runner.session.outcomes import Counts, Status
from runner.session.records import SuiteReport, TestRecord
from tempfiles.records import Child, Leak, Modification, Origin, Unattributed
from tempfiles.reports import RemovalFailure, RunReport, Summary
from tests.support.report_samples import HOSTILE, judged, sample

LEAK = Leak("/tmp/tidy-ab12/3/d/x.csv", "file", 12, 1, "m.C.test_x", "test",
            Origin("t.py", 4, "f", "open"), outcome="removed")


class Page(HTMLParser):
    """What a browser sees of a page before its script runs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.whole = ""
        self.texts: dict[str, str] = {}
        self.ids: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if "id" in dict(attrs):
            self.ids.append(dict(attrs)["id"] or "")

    def handle_data(self, data: str) -> None:
        if self.tags:
            tag = self.tags[-1][1].get("type") or self.tags[-1][0]
            self.texts[tag] = self.texts.get(tag, "") + data
            if tag not in ("style", "script", "application/json"):
                self.whole += data


def hostile() -> SuiteReport:
    test = TestRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, "error", message=HOSTILE,
                      details=HOSTILE, stdout=HOSTILE, stderr=HOSTILE)
    leak = Leak(HOSTILE, "file", 1, 1, HOSTILE, "test", Origin(HOSTILE, 1, HOSTILE, HOSTILE),
                subtest=HOSTILE, open_by=(HOSTILE,), children=(Child(HOSTILE, None, 0),))
    run = RunReport(Summary(1, 1, 0, 0, 1, 1, 1), (leak,), (Unattributed(HOSTILE, "file", 1),),
                    (Modification(HOSTILE, "changed", HOSTILE, "test", (HOSTILE,)),),
                    failures=(RemovalFailure(HOSTILE, HOSTILE),))
    return SuiteReport((test,), run=run, command=HOSTILE, directory=HOSTILE, python=HOSTILE)


class PageTests(unittest.TestCase):
    def test_the_file_is_whole_and_utf_8(self) -> None:
        directory = self.enterContext(tempfile.TemporaryDirectory())
        path = os.path.join(directory, "report.html")
        html.write(hostile(), path)
        self.assertEqual(Path(path).read_text("utf-8"), html.render(hostile()))
        self.assertEqual(os.listdir(directory), ["report.html"])

    def test_nothing_comes_from_elsewhere(self) -> None:
        for tag, attributes in Page(html.render(sample(50, 20))).tags:
            for name in ("src", "href", "action", "data", "poster", "srcset"):
                self.assertRegex(attributes.get(name) or "#", r"^(#|data:)", tag)
        self.assertNotRegex("".join(map(html._read, html._STYLES)), r"url\(|@import")
        self.assertNotRegex("".join(map(html._read, html._SCRIPTS)),
                            r"fetch\(|XMLHttpRequest|innerHTML|import\(|eval\(|document\.write")

    def test_only_its_own_script_may_run(self) -> None:
        page = Page(html.render(sample(5, 5)))
        (policy,) = [attributes["content"] or "" for tag, attributes in page.tags
                     if attributes.get("http-equiv") == "Content-Security-Policy"]
        script = page.texts["script"].removesuffix("\n\n").encode()
        digest = base64.b64encode(hashlib.sha256(script).digest()).decode()
        self.assertIn(f"script-src 'sha256-{digest}'", policy)
        self.assertIn("default-src 'none'", policy)

    def test_hostile_text_adds_no_element(self) -> None:
        test = TestRecord("a", "a", "a", "a", "error", details="a", stdout="a", stderr="a")
        plain = SuiteReport(
            (test,), command="a", directory="a", python="a",
            run=hostile().run._replace(leaks=(LEAK,)),
        )
        expected = [tag for tag, _ in Page(html.render(plain)).tags]
        self.assertEqual([tag for tag, _ in Page(html.render(hostile())).tags], expected)

    def test_invisible_characters_are_escaped_everywhere(self) -> None:
        page = html.render(hostile())
        self.assertNotRegex(page, "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202e]")
        told = str(json.loads(Page(page).texts["application/json"]))
        told.encode("utf-8")
        self.assertNotRegex(told, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")
        self.assertIn("\\x1b[31mred", told)

    def test_ids_are_unique_and_references_lead_somewhere(self) -> None:
        page = Page(html.render(sample(5, 5)))
        self.assertEqual(len(page.ids), len(set(page.ids)))
        for _, attributes in page.tags:
            for name in ("for", "aria-labelledby", "aria-controls"):
                if name in attributes:
                    self.assertIn(attributes[name], page.ids)

    def test_totals_are_there_without_a_script(self) -> None:
        text = re.sub(r"<script.*", "", html.render(sample(2_000, 30)), flags=re.DOTALL)
        for told in ("30 temporary files left behind", "<b>2,000</b> tests",
                     "7,700 removed by their tests", "python -m runner discover"):
            self.assertIn(told, text)

    def test_rows_failures_and_remedies_can_be_read_without_a_script(self) -> None:
        report = sample(200, 30)
        page = html.render(report).split('<script type="application/json"')[0]
        self.assertLess(page.index("<h2>Failures</h2>"), page.index("<h2>Where to begin</h2>"))
        noscript = page[page.index("<noscript>") : page.index("</noscript>")]
        self.assertTrue(all(test.id in noscript for test in report.tests))
        self.assertTrue(all(os.path.basename(leak.path) in noscript for leak in report.run.leaks))
        self.assertIn("AssertionError: 1 != 2\n</pre>", page)
        for hidden in ("copy", "moment", "tools", "theme"):
            self.assertRegex(page, rf'class="{hidden}"[^>]* hidden>')

    def test_code_around_a_line_is_found_where_the_run_was_or_here(self) -> None:
        directory, name = os.path.split(os.path.abspath(__file__))
        with open(__file__, encoding="utf-8") as file:
            first = [(number, next(file).rstrip("\n")) for number in range(1, 4)]
        for top, path in ((directory, name), ("/nowhere", os.path.relpath(__file__))):
            self.assertEqual(html._code_around(top, Origin(path, 1, "", "")), first)
        for path, line in ((__file__, 0), (__file__, 10**6), ("nothing.py", 1)):
            self.assertEqual(html._code_around(directory, Origin(path, line, "", "")), [])

    def test_a_run_of_nothing_is_a_page(self) -> None:
        page = html.render(SuiteReport())
        self.assertIn("Nothing left behind", page)
        self.assertNotIn("Could not be removed", page)
        self.assertNotIn('id="chart"', page)

    def test_removal_failures_are_listed(self) -> None:
        failures = tuple(RemovalFailure(f"/tmp/x{n}/", "is a mount point") for n in range(103))
        page = html.render(SuiteReport(run=RunReport(Summary(), failures=failures)))
        self.assertIn("<li><code>/tmp/x99/</code> is a mount point</li>", page)
        self.assertNotIn("/tmp/x100/", page)
        self.assertIn("and 3 more", page)

    def test_known_and_failing_leaks_are_counted_apart_from_new_ones(self) -> None:
        page = html.render(judged())
        for state in ("20 new and failing", "40 new", "90 known"):
            name = state.split()[-1]
            self.assertIn(f'<a href="#view=leaks&amp;state={name}">{state}</a>', page)
        self.assertIn("Known leaks are in the baseline", page)
        every = frozenset(leak.key for leak in judged().run.leaks)
        page = html.render(replace(judged(), known=every, failing=frozenset()))
        self.assertRegex(page, r">0 new</a>(?s:.*)>150 known</a>")
        for word in (" new</a>", "Known leaks"):
            self.assertNotIn(word, html.render(sample(5, 5)))

    def test_tests_that_failed_for_leaks_are_apart_from_failures(self) -> None:
        statuses: dict[str, Status] = {"a": "failure", "b": "leak", "c": "leak"}
        tests = [TestRecord(f"m.C.{name}", "m", "C", name, status=status, message=name)
                 for name, status in statuses.items()]
        leak = replace(LEAK, context="m.C.b")
        report = SuiteReport(tuple(tests), run=RunReport(Summary(leaked=1), (leak,)),
                             failing=frozenset({leak.key}), counts=Counts(3, 1, failed_for_leaks=2))
        page = html.render(report)
        self.assertIn("<b>1</b> failed</a>", page)
        self.assertIn("<small>1 failure</small>", page)
        self.assertIn(">2 tests failed for leaks</a>", page)
        self.assertEqual(page.count('<details class="failure">'), 1)
        self.assertIn("failed for nothing else is not counted as failed", page)

    def test_page_without_leak_detection_gives_no_number_of_leaks(self) -> None:
        page = Page(html.render(replace(sample(20, 0), looked=False)))
        self.assertIn("leaks were not looked for", page.whole)
        self.assertNotRegex(page.whole, "(?i)nothing left behind|leaked|made")
        self.assertRegex(page.whole, r"\n2 failed, 20 tests \S tidytest")

    def test_page_of_an_interrupted_run_begins_with_a_banner(self) -> None:
        page = html.render(replace(sample(20, 5), interrupted=True))
        self.assertLess(page.index("The run was interrupted:"), page.index("<h1>"))
        self.assertNotIn("interrupted", html.render(sample(20, 5)).split("<script")[0])

    def test_peak_names_the_number_of_samples(self) -> None:
        text = Page(html.render(sample(20, 5))).whole
        self.assertRegex(text, r"in the temp directory, at most [\d.]+ MiB in 600 samples")

    def test_created_files_are_counted_by_what_became_of_them(self) -> None:
        report = SuiteReport(run=RunReport(Summary(tests=1, made=2, leaked=2), (LEAK, LEAK)))
        self.assertIn("2 created: 2 leaked\n", Page(html.render(report)).whole + "\n")

    def test_a_fixture_is_counted_apart_from_the_tests(self) -> None:
        text = Page(html.render(sample(20, 5))).whole
        self.assertRegex(text, r"20 tests\s+and 1 fixture that did not succeed\s+in ")

    def test_long_output_does_not_make_a_heavy_page(self) -> None:
        one = TestRecord("a", "m", "C", "a", "failure", details="x" * 10_000_000, stdout="y" * 9**7)
        self.assertLess(len(html.render(SuiteReport((one,)))), 300_000)
        many = tuple(replace(one, details="x" * 100_000, stdout="") for _ in range(3_000))
        self.assertLess(len(html.render(SuiteReport(many))), 12_000_000)

    def test_the_same_run_is_the_same_page(self) -> None:
        self.assertEqual(html.render(sample(50, 20)), html.render(sample(50, 20)))


if __name__ == "__main__":
    unittest.main()
