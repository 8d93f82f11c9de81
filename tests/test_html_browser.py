"""The HTML report in a real browser: it renders, filters, sorts, links, and logs no error."""

from __future__ import annotations

import os
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from runner.records import SuiteReport, TestRecord
from runner.reporters import html
from tempfiles.records import Leak, Origin
from tempfiles.reports import RunReport, Summary
from tests.browser import MISSING, Browser
from tests.report_samples import HOSTILE, sample

ROWS = "return document.querySelectorAll('#table tbody tr').length"
FIRST = "return document.querySelector('#table tbody th').innerText"
COUNT = "return document.getElementById('count').innerText"
HIDDEN_BUT_SEEN = """return [...document.querySelectorAll('[hidden]')]
    .filter(element => element.offsetHeight).map(element => element.outerHTML)"""
COLUMN = """return [...document.querySelectorAll('#table tbody tr')]
    .map(row => row.cells[arguments[0]].innerText)"""
TAB, ENTER, SPACE, RIGHT = "\ue004", "\ue007", " ", "\ue014"


def hostile() -> SuiteReport:
    report = sample(20, 5)
    test = TestRecord(HOSTILE, HOSTILE, HOSTILE, HOSTILE, status="error", started=report.started,
                      message=HOSTILE, details=HOSTILE, stdout=HOSTILE)
    leak = Leak("/tmp/tidy-x/1/" + "\udcff" * 255, "file", 2**50, 1, HOSTILE, "test",
                Origin(HOSTILE, 3, HOSTILE, HOSTILE), subtest=HOSTILE, open_by=(HOSTILE,))
    run = report.run._replace(leaks=(*report.run.leaks, leak))
    return replace(report, tests=(*report.tests, test), run=run, command=HOSTILE)


@unittest.skipIf(bool(MISSING), MISSING or "")
class PageTests(unittest.TestCase):
    browser: ClassVar[Browser]
    pages: ClassVar[dict[str, str]]

    @classmethod
    def setUpClass(cls) -> None:
        directory = cls.enterClassContext(tempfile.TemporaryDirectory())
        cls.pages = {}
        reports = {"large": sample(5_000, 1_000), "medium": sample(600, 150),
                   "hostile": hostile(), "empty": SuiteReport(run=RunReport(Summary()))}
        for name, report in reports.items():
            path = os.path.join(directory, f"{name}.html")
            html.write(report, path)
            cls.pages[name] = Path(path).as_uri()
        cls.browser = Browser()
        cls.addClassCleanup(cls.browser.close)

    def setUp(self) -> None:
        self.browser.open("about:blank")  # else only the fragment changes, and state survives
        self.browser.log()

    def tearDown(self) -> None:
        self.assertEqual(self.browser.log(), [])

    def show(self, page: str, fragment: str = "") -> None:
        self.browser.open(self.pages[page] + fragment)

    def run_script(self, script: str, *arguments: object) -> Any:
        return self.browser.run(script, *arguments)

    def test_the_page_shows_its_first_leaks_and_how_many_there_are(self) -> None:
        self.show("large")
        self.assertEqual(self.run_script(ROWS), 100)
        self.assertRegex(self.run_script(COUNT), r"^First 100 of 1,000 leaks, ")

    def test_a_page_without_leaks_says_so(self) -> None:
        self.show("empty")
        self.assertIn("Nothing left behind", self.run_script("return document.body.innerText"))
        self.assertIn("There are none.", self.run_script("return document.body.innerText"))
        self.assertEqual(self.run_script(HIDDEN_BUT_SEEN), [])

    def test_the_rest_of_the_rows_comes_when_asked_for(self) -> None:
        self.show("large")
        self.browser.click("#more [data-rows=next]")
        self.assertEqual(self.run_script(ROWS), 600)
        self.browser.click("#more [data-rows=next]")
        self.assertEqual(self.run_script(ROWS), 1_000)
        self.assertEqual(self.run_script("return document.getElementById('more').offsetHeight"), 0)

    def test_typing_filters_and_the_number_is_told(self) -> None:
        self.show("medium")
        self.browser.type("#filter", "test_export.py copytree")
        rows = self.run_script(COLUMN, 5)
        self.assertTrue(rows)
        for row in rows:
            self.assertIn("test_export.py", row)
            self.assertIn("copytree", row)
        self.assertIn(f"{len(rows)} leaks", self.run_script(COUNT))

    def test_the_select_filters_by_type(self) -> None:
        self.show("medium")
        self.run_script("""const facet = document.getElementById('facet');
            facet.value = 'directory'; facet.dispatchEvent(new Event('change'))""")
        self.assertEqual(set(self.run_script(COLUMN, 1)), {"directory"})

    def test_a_heading_sorts_and_tells_assistive_technology(self) -> None:
        self.show("medium", "#view=tests")
        self.browser.click("th[data-key=entries] button")
        order = "return document.querySelector('th[data-key=entries]').ariaSort"
        self.assertEqual(self.run_script(order), "descending")
        made = [int(cell) for cell in self.run_script(COLUMN, 3)]
        self.assertEqual(made, sorted(made, reverse=True))
        self.assertGreater(made[0], 0)
        self.browser.click("th[data-key=entries] button")
        self.assertEqual(self.run_script(order), "ascending")
        self.assertEqual(set(self.run_script(COLUMN, 3)), {"0"})
        self.assertEqual(
            self.run_script("return document.querySelectorAll('[aria-sort]').length"), 1
        )

    def test_what_is_shown_can_be_linked_to(self) -> None:
        self.show("medium", "#view=tests&sort=id&q=upload&facet=failure")
        statuses = set(self.run_script(COLUMN, 1))
        self.assertEqual({status.split()[-1] for status in statuses}, {"failure"})
        self.assertEqual(self.run_script("return document.getElementById('filter').value"),
                         "upload")
        names = self.run_script(COLUMN, 0)
        self.browser.click("th[data-key=id] button")
        self.assertIn("sort=-id", self.run_script("return location.hash"))
        self.assertEqual(len(self.run_script(COLUMN, 0)), len(names))
        self.run_script("history.back()")
        self.assertIn("sort=id", self.run_script("return location.hash"))

    def test_a_fragment_that_means_nothing_shows_the_leaks(self) -> None:
        for fragment in ("#view=constructor", "#view=nope&sort=-nope", "#%%%&=&view"):
            self.browser.open("about:blank")
            self.show("medium", fragment)
            self.assertEqual(self.run_script(ROWS), 100, fragment)

    def test_a_group_leads_to_its_leaks_and_back(self) -> None:
        for view in ("contexts", "origins", "directories"):
            with self.subTest(view=view):
                self.browser.open("about:blank")
                self.show("medium", f"#view={view}&sort=-leaks")
                leads = "document.querySelector('#table tbody a')"
                wanted = self.run_script(f"""const row = {leads}.closest('tr').record;
                    {leads}.click(); return row.leaks""")
                self.assertRegex(self.run_script(COUNT), f"^(First 100 of )?{wanted} leaks?,")
                self.browser.click(".chip")
                self.assertIn("150 leaks", self.run_script(COUNT))

    def test_all_can_be_done_with_the_keyboard(self) -> None:
        self.show("medium")
        self.run_script("document.querySelector('th[data-key=name] button').focus()")
        first = self.run_script(FIRST)
        self.browser.press(ENTER)
        self.assertNotEqual(self.run_script(FIRST), first)
        self.browser.press(TAB, SPACE)
        self.assertEqual(
            self.run_script("return document.querySelector('th[data-key=type]').ariaSort"),
            "ascending",
        )
        self.run_script("document.getElementById('moment').focus()")
        before = self.run_script("return document.getElementById('moment-told').innerText")
        self.browser.press(*[RIGHT] * 5)
        self.assertNotEqual(
            self.run_script("return document.getElementById('moment-told').innerText"), before
        )

    def test_a_focused_control_can_be_seen(self) -> None:
        self.show("medium")
        self.browser.press(TAB, TAB)
        style = self.run_script("""const style = getComputedStyle(document.activeElement);
            return [style.outlineStyle, parseFloat(style.outlineWidth)]""")
        self.assertEqual(style[0], "solid")
        self.assertGreaterEqual(style[1], 2)

    def test_every_control_has_a_name(self) -> None:
        for fragment in ("", "#view=tests&facet=error"):
            self.browser.open("about:blank")
            self.show("medium", fragment)
            nameless = self.run_script("""
                return [...document.querySelectorAll('a, button, input, select')].filter(control =>
                    !(control.innerText || control.ariaLabel || control.labels?.length
                        || control.hidden || control.closest('[hidden]')))
                    .map(control => control.outerHTML)""")
            self.assertEqual(nameless, [])

    def test_details_of_a_failure_open_and_close(self) -> None:
        self.show("medium", "#view=tests&facet=failure")
        self.browser.click("button.texts")
        self.assertIn("AssertionError: 1 != 2",
                      self.run_script("return document.querySelector('.opened pre').innerText"))
        expanded = "return document.querySelector('button.texts').ariaExpanded"
        self.assertEqual(self.run_script(expanded), "true")
        self.browser.click("button.texts")
        self.assertEqual(self.run_script(expanded), "false")
        self.assertEqual(
            self.run_script("return document.querySelectorAll('.opened').length"), 0
        )

    def test_the_timeline_draws_usage_and_tests_and_leads_to_a_test(self) -> None:
        self.show("medium")
        for part in ("curve", "ran", "failed", "leaked"):
            length = self.run_script(
                f"return document.querySelector('#chart .{part}').getTotalLength()"
            )
            self.assertGreater(length, 100, part)
        self.browser.click("#moment-test")
        self.assertIn("view=tests", self.run_script("return location.hash"))
        self.assertEqual(self.run_script(ROWS), 1)

    def test_both_themes_are_readable_and_can_be_chosen(self) -> None:
        shades = {}
        for theme in ("dark", "light"):
            self.browser.prefer(theme)
            self.show("medium")
            shades[theme] = self.run_script(LUMINANCE)
            self.assertGreater(contrast(*shades[theme]), 7, theme)
        self.assertNotEqual(shades["dark"], shades["light"])
        self.run_script("""const theme = document.getElementById('theme');
            theme.value = 'dark'; theme.dispatchEvent(new Event('change'))""")
        self.assertEqual(self.run_script(LUMINANCE), shades["dark"])
        self.run_script("localStorage.clear()")

    def test_every_word_has_enough_contrast_in_both_themes(self) -> None:
        for theme in ("dark", "light"):
            self.browser.prefer(theme)
            for fragment in ("", "#view=tests&sort=status"):
                self.browser.open("about:blank")
                self.show("medium", fragment)
                pairs = self.run_script(EVERY_WORD)
                self.assertGreater(len(pairs), 50)
                faint = [words for words, *shades in pairs if contrast(*shades) < 4.5]
                self.assertEqual(faint, [], theme)

    def test_nothing_that_a_test_says_becomes_markup(self) -> None:
        for view in ("leaks", "contexts", "origins", "directories", "tests"):
            self.browser.open("about:blank")
            self.show("hostile", f"#view={view}")
            self.assertGreater(self.run_script(ROWS), 0)
        self.run_script("""[...document.querySelectorAll('button.texts')]
            .find(button => button.ariaLabel.includes('<script>')).click()""")
        self.assertIn("<script>alert(1)",
                      self.run_script("return document.querySelector('.opened pre').innerText"))
        found = self.run_script("""return [document.scripts.length, document.images.length,
            document.querySelectorAll('main [onerror]').length]""")
        self.assertEqual(found, [2, 0, 0])

    def test_the_page_asks_for_nothing_from_anywhere(self) -> None:
        self.show("medium")
        self.assertEqual(
            self.run_script("return performance.getEntriesByType('resource').map(e => e.name)"), []
        )

    def test_nothing_is_wider_than_the_window(self) -> None:
        for page in ("large", "hostile"):
            self.browser.open("about:blank")
            self.show(page)
            self.assertEqual(self.run_script(
                "return document.documentElement.scrollWidth - innerWidth > 0"), False, page)


LIGHT = """const light = (color) => {
      const parts = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(part => part / 255)
        .map(part => part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
      return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
    };
"""
LUMINANCE = LIGHT + """const style = getComputedStyle(document.body);
    return [light(style.color), light(style.backgroundColor)]"""
EVERY_WORD = LIGHT + """
    const behind = (element) => {
      const shade = getComputedStyle(element).backgroundColor;
      return /rgba\\(.* 0\\)/.test(shade) ? behind(element.parentElement) : shade;
    };
    return [...document.querySelectorAll('body *')].filter(element => element.offsetHeight
        && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
      .map(element => [element.className + ' ' + element.innerText,
        light(getComputedStyle(element).color), light(behind(element))])"""


def contrast(one: float, other: float) -> float:
    """The ratio that the accessibility guidelines speak of: 4.5 is enough, 7 is good."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


if __name__ == "__main__":
    unittest.main()
