"""The tables of the HTML report in a browser: rows, filters, sorting, tiles."""

from __future__ import annotations

import itertools
import unittest

from tests.support.html_pages import CELLS, CHIPS, COLUMN, COUNT, ROWS, PageCase, share_browser

ENTER = "\ue007"

HIDDEN_BUT_SEEN = """return [...document.querySelectorAll('[hidden]')]
    .filter(element => element.offsetHeight).map(element => element.outerHTML)"""
TABS = "return [...document.querySelectorAll('#views a')].map(tab => tab.innerText)"
COLUMN_WIDTHS = """return [...document.querySelectorAll('#table thead th')]
    .map(head => head.offsetWidth)"""

setUpModule = share_browser(__name__)


class TableTests(PageCase):
    def test_the_page_shows_its_first_leaks_and_how_many_there_are(self) -> None:
        self.show("large")
        self.assertEqual(self.run_script(ROWS), 50)
        self.assertRegex(self.run_script(COUNT), r"^First 50 of 1,000 leaks, ")

    def test_a_page_without_leaks_says_so(self) -> None:
        self.show("empty")
        self.assertIn("Nothing left behind", self.run_script("return document.body.innerText"))
        self.assertIn("There are none.", self.run_script("return document.body.innerText"))
        self.assertEqual(self.run_script(HIDDEN_BUT_SEEN), [])

    def test_findings_of_detectors_have_a_table_where_there_are_any(self) -> None:
        self.show("hostile", "#view=findings")
        self.assertRegex(self.run_script(COUNT), "^1 finding")
        self.assertEqual(len(self.run_script(COLUMN, 3)), 1)
        self.show("medium")
        self.assertNotIn("Not files", " ".join(self.run_script(TABS)))

    def test_the_rest_of_the_rows_comes_when_asked_for(self) -> None:
        self.show("large")
        self.browser.click("#more [data-rows=next]")
        self.assertEqual(self.run_script(ROWS), 550)
        self.browser.click("#more [data-rows=next]")
        self.assertEqual(self.run_script(ROWS), 1_000)
        self.assertEqual(self.run_script("return document.getElementById('more').offsetHeight"), 0)

    def test_typing_filters_and_updates_the_number(self) -> None:
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
        self.choose("facet", "directory")
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

    def test_details_of_a_failure_open_and_close(self) -> None:
        self.show("medium", "#view=tests&facet=failed&sort=-status")
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

    def test_text_of_tests_never_becomes_markup(self) -> None:
        for view in ("leaks", "contexts", "origins", "directories", "tests"):
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

    def test_failing_and_new_leaks_precede_known_ones(self) -> None:
        self.show("judged")
        self.browser.click("#more [data-rows=next]")
        states = self.run_script(CELLS, "State")
        self.assertEqual(states, ["failing"] * 20 + ["new"] * 40 + ["known"] * 90)
        self.choose("state", "new")
        self.assertEqual(self.run_script(CELLS, "State"), ["new"] * 40)
        self.show("medium")
        self.assertEqual(self.run_script(CELLS, "State"), [])

    def test_tables_without_leak_detection_give_no_number_of_leaks(self) -> None:
        self.show("off")
        self.assertEqual(self.run_script(TABS), ["Tests and fixtures 61"])
        page = self.run_script("return document.body.innerText")
        self.assertIn("leaks were not looked for (--leaks off)", page)
        self.assertNotRegex(page, "[Nn]othing left|leaked|Leaks[^ ]|Created")

    def test_leaks_belong_to_the_run_of_a_test_that_left_them(self) -> None:
        self.show("repeated", "#view=tests&sort=id")
        self.assertEqual(self.run_script(COLUMN, 5), ["1", "2", "1", "0"])
        self.browser.click("#table a[href*='run=1']")
        self.assertEqual(self.run_script(COUNT), "2 leaks, 18 B")
        self.assertEqual(self.run_script(CHIPS), ["✕ Left by: m.C.test_x", "✕ Run: 1"])

    def test_tests_and_fixtures_are_counted_apart_and_named_together(self) -> None:
        self.show("medium", "#view=tests")
        self.assertIn("Tests and fixtures 601", self.run_script(TABS))
        self.assertIn("601 tests and fixtures", self.run_script(COUNT))
        card = "return document.querySelector('.totals li:last-child').innerText"
        self.assertRegex(self.run_script(card), r"^600 tests\s+and 1 fixture that did not")

    def test_directories_have_a_table_only_where_there_are_some(self) -> None:
        self.show("repeated")
        self.assertNotIn("directory", "".join(self.run_script(TABS)))
        self.show("medium")
        self.assertIn("By directory 8", self.run_script(TABS))

    def test_long_name_is_folded_and_unfolds_with_the_keyboard(self) -> None:
        self.show("medium")
        usual = self.run_script(COLUMN_WIDTHS)
        self.show("hostile")
        for width, other in zip(self.run_script(COLUMN_WIDTHS), usual, strict=True):
            self.assertAlmostEqual(width, other, delta=3)
        self.run_script("document.querySelector('#table tbody .unfold').focus()")
        hidden = """const text = document.querySelector('#table tbody .first');
            return text.scrollHeight > text.clientHeight"""
        self.assertTrue(self.run_script(hidden))
        self.browser.press(ENTER)
        self.assertFalse(self.run_script(hidden))
        self.assertEqual(self.run_script("return document.activeElement.innerText"), "Less")

    def test_unknown_filter_is_shown_and_can_be_cleared(self) -> None:
        self.show("medium", "#view=leaks&facet=zzz&q=nothing")
        self.assertEqual(self.run_script(CHIPS), ["✕ Type: zzz"])
        self.assertEqual(self.run_script(ROWS), 0)
        self.browser.click("#empty button")
        self.assertEqual(self.run_script(CHIPS), [])
        self.assertIn("150 leaks", self.run_script(COUNT))

    def test_tiles_have_the_area_of_their_number_or_bytes(self) -> None:
        self.show("medium")
        areas = """const map = document.querySelector('#treemap ul');
            const whole = map.clientWidth * map.clientHeight;
            return [...map.children].map(tile =>
                [tile.offsetWidth * tile.offsetHeight / whole, tile.innerText])"""
        by_number = self.run_script(areas)
        self.choose("by", "bytes")
        tiles = self.run_script(areas)
        for kind, found in (("leaks?", by_number), ("B", tiles)):
            shares = [share for share, _ in found]
            self.assertAlmostEqual(sum(shares), 1, delta=0.03)
            for larger, smaller in itertools.pairwise(shares):
                self.assertGreater(larger, smaller - 0.001)
            self.assertRegex(found[0][1], rf"\n\d.* {kind}$|iB$")
        self.assertIn("by=bytes", self.run_script("return location.hash"))
        wanted = self.run_script("""const tile = document.querySelector('#treemap a');
            tile.click(); return tile.ariaLabel""")
        self.assertIn(wanted.split(", ")[0], self.run_script(CHIPS)[0])
        self.assertRegex(self.run_script(COUNT), wanted.split(", ")[2])

    def test_there_are_tiles_only_where_they_compare_something(self) -> None:
        height = "return document.getElementById('treemap').offsetHeight"
        self.show("medium")
        self.assertGreater(self.run_script(height), 150)
        self.browser.type("#filter", "no such leak")
        self.assertEqual(self.run_script(height), 0)


if __name__ == "__main__":
    unittest.main()
