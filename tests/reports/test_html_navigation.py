"""The ways through the HTML report in a browser: links, keyboard, timeline."""

from __future__ import annotations

import unittest

from tests.support.html_pages import (
    CELLS,
    CHIPS,
    COLUMN,
    COUNT,
    FIRST,
    FOCUSED,
    ROWS,
    PageCase,
    share_browser,
)

TAB, ENTER, SPACE, END, RIGHT = "\ue004", "\ue007", " ", "\ue010", "\ue014"

SHOWN = "return document.getElementById('moment-text').textContent"
SPOKEN = "return document.getElementById('moment').getAttribute('aria-valuetext')"
AT_TITLE = """const top = document.getElementById('table-title').getBoundingClientRect().top;
    return document.activeElement.id === 'table-title' && top >= 0 && top < innerHeight"""
IN_FOCUS = "return document.activeElement.closest('tr').innerText"
EXPANDED = """return [...document.querySelectorAll('button.texts')]
    .map(button => button.ariaExpanded)"""
MOVE = "document.querySelectorAll('#table tbody tr')[arguments[0]].querySelector('a').focus()"

setUpModule = share_browser(__name__)


class NavigationTests(PageCase):
    def test_what_is_shown_can_be_linked_to(self) -> None:
        self.show("medium", "#view=tests&sort=id&q=upload&facet=failed")
        statuses = set(self.run_script(COLUMN, 1))
        self.assertLessEqual({status.split()[-1] for status in statuses}, {"failure", "error"})
        self.assertTrue(statuses)
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
            self.show("medium", fragment)
            self.assertEqual(self.run_script(ROWS), 50, fragment)

    def test_a_group_leads_to_its_leaks_and_back(self) -> None:
        for view in ("contexts", "origins", "directories"):
            with self.subTest(view=view):
                self.show("medium", f"#view={view}&sort=-leaks")
                leads = "document.querySelector('#table tbody a')"
                wanted = self.run_script(f"""const row = {leads}.closest('tr').record;
                    {leads}.click(); return row.leaks""")
                self.assertRegex(self.run_script(COUNT), f"^(First 50 of )?{wanted} leaks?,")
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

    def test_the_timeline_draws_usage_and_tests_and_leads_to_a_test(self) -> None:
        self.show("medium")
        for part in ("bytes", "ran", "failed", "leaked"):
            length = self.run_script(
                f"return document.querySelector('#chart .wide .{part}').getTotalLength()"
            )
            self.assertGreater(length, 100, part)
        self.browser.click("#moment-test")
        self.assertIn("view=tests", self.run_script("return location.hash"))
        self.assertEqual(self.run_script(ROWS), 1)

    def test_cards_show_the_rows_behind_their_number(self) -> None:
        self.show("judged")
        cards = self.run_script("""return [...document.querySelectorAll('.totals a')]
            .map(card => [card.hash, card.innerText])""")
        self.assertEqual([words.partition(" ")[2] for _, words in cards][:5],
                         ["failed", "leaked", "new and failing", "new", "known"])
        for target, words in cards:
            self.run_script("document.querySelector(`.totals a[href='${arguments[0]}']`).click()",
                            target)
            self.assertTrue(self.run_script(AT_TITLE), words)
            number = words.split()[0]
            if number.isdigit() and words != "600 tests":  # they are listed with a fixture
                self.assertRegex(self.run_script(COUNT), rf"(^|of ){number} ", words)
            self.assertEqual(self.run_script("""return [...document.querySelectorAll(
                '.totals [aria-current]')].map(card => card.hash)"""), [target])

    def test_a_failure_opens_with_the_keyboard_and_without_the_table(self) -> None:
        self.show("medium")
        traceback = "return document.querySelector('.failure pre').checkVisibility()"
        self.assertFalse(self.run_script(traceback))
        self.run_script("document.querySelector('.failure summary').focus()")
        self.browser.press(ENTER)
        self.assertTrue(self.run_script(traceback))

    def test_where_to_begin_shows_code_and_copies_the_remedy(self) -> None:
        self.show("source")
        first = self.run_script("return document.querySelector('.worst li').innerText")
        self.assertRegex(first, r"^\d+ leaks, .* at .*html_pages\.py:\d+\n")
        marked = self.run_script("return document.querySelector('.worst .marked').innerText")
        self.assertRegex(marked, r"def leaking_source\(\) -> SuiteReport:|Return a run whose")
        remedy = self.run_script("""document.querySelector('.copy').focus();
            return document.querySelector('.remedy code').textContent""")
        self.browser.press(SPACE)
        self.wait_for("return document.querySelector('.copy').innerText != 'Copy'")
        self.run_script("document.getElementById('filter').focus()")
        self.browser.paste()
        self.assertEqual(self.run_script("return document.getElementById('filter').value"), remedy)

    def test_every_control_has_a_name(self) -> None:
        for fragment in ("", "#view=tests&facet=failed"):
            self.show("medium", fragment)
            nameless = self.run_script("""
                return [...document.querySelectorAll('a, button, input, select')].filter(control =>
                    !(control.innerText || control.ariaLabel || control.labels?.length
                        || control.hidden || control.closest('[hidden]')))
                    .map(control => control.outerHTML)""")
            self.assertEqual(nameless, [])

    def test_link_in_the_table_moves_the_focus_to_the_title(self) -> None:
        self.show("medium")
        self.run_script(MOVE, 40)
        self.browser.press(ENTER)
        self.assertEqual(len(self.run_script(CHIPS)), 1)
        self.assertTrue(self.run_script(AT_TITLE))

    def test_back_restores_the_rows_and_the_focused_link(self) -> None:
        self.show("large")
        self.browser.click("#more [data-rows=next]")
        self.run_script(MOVE, 400)
        link = self.run_script(FOCUSED)
        self.browser.press(ENTER)
        self.assertTrue(self.run_script(AT_TITLE))
        self.run_script("history.back()")
        self.wait_for("return document.querySelectorAll('.chip').length === 0")
        self.assertEqual(self.run_script(ROWS), 550)
        self.assertEqual(self.run_script(FOCUSED), link)
        self.assertTrue(self.run_script("""
            const box = document.activeElement.getBoundingClientRect();
            return box.top >= 0 && box.bottom <= innerHeight"""))

    def test_back_restores_open_details_above_the_link(self) -> None:
        self.show("repeated", "#view=tests&sort=-left")
        self.browser.click("button.texts")
        self.run_script("document.querySelector('.opened + tr a').focus()")
        before = self.run_script(IN_FOCUS)
        self.browser.press(ENTER)
        self.assertTrue(self.run_script(AT_TITLE))
        self.run_script("history.back()")
        self.wait_for("return location.hash.includes('view=tests') && document.activeElement.href")
        self.assertEqual(self.run_script(IN_FOCUS), before)
        self.assertEqual(self.run_script(EXPANDED), ["true"])
        self.browser.click("button.texts")
        self.run_script("location.reload()")
        self.wait_for("return document.querySelector('button.texts')")
        self.assertEqual(self.run_script(EXPANDED), ["false"])

    def test_heading_has_only_its_label_as_accessible_name(self) -> None:
        self.show("medium", "#view=tests&sort=-entries")
        for key, name in (("id", "Test"), ("entries", "Created")):
            self.assertEqual(self.browser.label(f"th[data-key={key}] button"), name)

    def test_axes_of_a_long_run_have_one_unit_and_whole_bytes(self) -> None:
        self.show("slow")
        words = self.run_script("""return [...document.querySelectorAll('#chart .wide text')]
            .map(text => text.textContent)""")
        self.assertEqual(words, ["Size (bytes)", "0", "1", "Tests", "Failed",
                                 *map(str, range(0, 16, 2)), "Time since the start (min)"])

    def test_the_title_of_the_document_follows_the_table(self) -> None:
        self.show("medium")
        title = "return document.title"
        self.assertRegex(self.run_script(title), r"^Leaks \S 8 failed, 150 leaks, ")
        self.browser.click("#views a[data-view=origins]")
        self.assertRegex(self.run_script(title), r"^By origin \S 8 failed, 150 leaks")
        self.assertIn("By origin", self.run_script("return document.activeElement.innerText"))

    def test_the_first_tab_stop_skips_to_the_table(self) -> None:
        self.show("medium")
        self.browser.press(TAB, ENTER)
        self.assertTrue(self.run_script(AT_TITLE))

    def test_a_leak_leads_to_the_outcome_of_its_test(self) -> None:
        self.show("repeated", "#view=leaks&sort=name")
        self.assertEqual(
            [cell.splitlines()[-1] for cell in self.run_script(CELLS, "Left by")],
            ["✗ Outcome: failure", "✓ Outcome: success", "✗ Outcome: failure",
             "✓ Outcome: success"],
        )
        self.run_script("document.querySelectorAll('.outcome')[2].click()")
        self.assertEqual(self.run_script(CHIPS), ["✕ Test: m.C.test_x", "✕ Run: 2"])
        self.assertEqual(self.run_script(CELLS, "Status"), ["✗ failure"])
        self.browser.click("button.texts")
        self.assertIn("Traceback", self.run_script(
            "return document.querySelector('.opened').innerText"))

    def test_a_chip_shows_the_end_of_a_long_id(self) -> None:
        self.show("medium", f"#view=leaks&context={'pkg.' * 60}test_the_end")
        (chip,) = self.run_script(CHIPS)
        self.assertRegex(chip, r"^✕ Left by: ….{,60}test_the_end$")

    def test_the_keyboard_reaches_every_test_on_the_timeline(self) -> None:
        self.show("medium")
        self.run_script("document.getElementById('moment').focus()")
        ids = self.run_script("""return [...data.tests].sort((a, b) => a.started - b.started)
            .map(test => test.id)""")
        for id in ids[1:4]:
            self.browser.press(RIGHT)
            self.assertIn(f"{id} (", self.run_script(SHOWN))
            self.assertIn(f"{id} (", self.run_script(SPOKEN))
        self.browser.press(END)
        self.assertIn(f"{ids[-1]} (", self.run_script(SHOWN))
        self.assertEqual(self.run_script("return document.getElementById('moment').max"), "600")

    def test_where_no_test_ran_none_is_named(self) -> None:
        self.show("repeated")
        self.browser.resize(1280)
        self.browser.point("#chart", 0.29)
        self.assertRegex(self.run_script(SHOWN), r"^1\.[45]\d s\b.*\bno test ran$")
        self.assertTrue(self.run_script("return document.getElementById('moment-test').disabled"))
        self.browser.point("#chart", 0.4)
        self.assertIn("m.C.test_x (run 2) (failure", self.run_script(SHOWN))

    def test_moment_is_spoken_once_and_moves_nothing(self) -> None:
        self.show("hostile")
        self.assertEqual(self.run_script("""const text = document.getElementById('moment-text');
            return [text.tagName, text.role, text.ariaLive]"""), ["P", None, None])
        height = "return document.getElementById('tables').offsetTop"
        before = self.run_script(height)
        self.run_script("document.getElementById('moment').focus()")
        self.browser.press(END)
        self.assertIn("red", self.run_script(SHOWN))
        self.assertEqual(self.run_script(height), before)


if __name__ == "__main__":
    unittest.main()
