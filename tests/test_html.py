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
from typing import Any

try:
    from runner.reporters import html
except ImportError as error:
    raise unittest.SkipTest("jinja2 is not installed") from error

from runner.records import SuiteReport, TestRecord, UsageSample
from tempfiles.records import Child, Leak, Modification, Origin, RemovalFailure, Unattributed
from tempfiles.reports import RunReport, Summary
from tests.report_samples import HOSTILE, STARTED, sample

LEAK = Leak("/tmp/tidy-ab12/3/d/x.csv", "file", 12, 1, "m.C.test_x", "test",
            Origin("t.py", 4, "f", "open"), outcome="removed")


class Page(HTMLParser):
    """What a browser sees of a page before its script runs."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
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


def document(report: SuiteReport) -> Any:
    return json.loads(Page(html.render(report)).texts["application/json"])


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
        self.assertNotRegex(html._read("report.css"), r"url\(|@import")
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
        plain = SuiteReport(
            (TestRecord("a", "a", "a", "a", "error"),), command="a", directory="a", python="a",
            run=hostile().run._replace(leaks=(LEAK,)),
        )
        expected = [tag for tag, _ in Page(html.render(plain)).tags]
        self.assertEqual([tag for tag, _ in Page(html.render(hostile())).tags], expected)

    def test_what_cannot_be_seen_is_escaped_everywhere(self) -> None:
        page = html.render(hostile())
        self.assertNotRegex(page, "[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\u202e]")
        told = str(document(hostile()))
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
        for told in ("30 temporary files left behind", "<b>2,000</b> <span>tests</span>",
                     "7,700 removed by their tests", "python -m runner discover"):
            self.assertIn(told, text)

    def test_a_run_of_nothing_is_a_page(self) -> None:
        page = html.render(SuiteReport())
        self.assertIn("Nothing left behind", page)
        self.assertNotIn("Could not be removed", page)
        self.assertNotIn('id="chart"', page)

    def test_what_could_not_be_removed_is_listed(self) -> None:
        failures = tuple(RemovalFailure(f"/tmp/x{n}/", "is a mount point") for n in range(103))
        page = html.render(SuiteReport(run=RunReport(Summary(), failures=failures)))
        self.assertIn("<li><code>/tmp/x99/</code> is a mount point</li>", page)
        self.assertNotIn("/tmp/x100/", page)
        self.assertIn("and 3 more", page)


class DocumentTests(unittest.TestCase):
    def test_the_random_part_of_the_run_root_is_left_out(self) -> None:
        leaks = (LEAK, replace(LEAK, path="/tmp/tidy-ab12/3/y"), replace(LEAK, path="/p/z"),
                 replace(LEAK, path="/top"))
        entries = document(SuiteReport(run=RunReport(Summary(), leaks)))["leaks"]
        self.assertEqual([entry["dir"] for entry in entries],
                         ["temp directory/d", "temp directory", "/p", "/"])

    def test_times_are_relative_to_the_start(self) -> None:
        usage = (UsageSample(STARTED + 2, 3, 4, "run"),)
        test = TestRecord("a", "m", "C", "a", seconds=0.5, started=STARTED + 1)
        found = document(SuiteReport((test,), started=STARTED, usage=usage))
        self.assertEqual(found["usage"], [[2.0, 3, 4]])
        self.assertEqual(found["tests"][0]["started"], 1.0)

    def test_many_samples_are_thinned_and_the_highest_stay(self) -> None:
        usage = tuple(UsageSample(STARTED + n, 1, n * (n != 77) + 10**9 * (n == 77), "run")
                      for n in range(50_000))
        found = document(SuiteReport(started=STARTED, usage=usage))["usage"]
        self.assertLessEqual(len(found), 2_000)
        self.assertEqual(max(found, key=lambda entry: entry[2]), [77.0, 1, 10**9])

    def test_long_output_does_not_make_a_heavy_page(self) -> None:
        one = TestRecord("a", "m", "C", "a", "failure", details="x" * 10_000_000, stdout="y" * 9**7)
        self.assertLess(len(html.render(SuiteReport((one,)))), 300_000)
        many = tuple(replace(one, details="x" * 100_000, stdout="") for _ in range(3_000))
        self.assertLess(len(html.render(SuiteReport(many))), 12_000_000)

    def test_the_same_run_is_the_same_page(self) -> None:
        self.assertEqual(html.render(sample(50, 20)), html.render(sample(50, 20)))


if __name__ == "__main__":
    unittest.main()
