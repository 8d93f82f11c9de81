"""The HTML report in a real browser: its tables, ways through it, and how it looks."""

from __future__ import annotations

import itertools
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
    start_browser,
)

TAB, ENTER, SPACE, END, RIGHT = "\ue004", "\ue007", " ", "\ue010", "\ue014"

# Of the tables.
HIDDEN_BUT_SEEN = """return [...document.querySelectorAll('[hidden]')]
    .filter(element => element.offsetHeight).map(element => element.outerHTML)"""
TABS = "return [...document.querySelectorAll('#views a')].map(tab => tab.innerText)"
COLUMN_WIDTHS = """return [...document.querySelectorAll('#table thead th')]
    .map(head => head.offsetWidth)"""

# Of the ways through the page.
TOLD = "return document.getElementById('moment-text').textContent"
SPOKEN = "return document.getElementById('moment').getAttribute('aria-valuetext')"
AT_TITLE = """const top = document.getElementById('table-title').getBoundingClientRect().top;
    return document.activeElement.id === 'table-title' && top >= 0 && top < innerHeight"""
IN_FOCUS = "return document.activeElement.closest('tr').innerText"
EXPANDED = """return [...document.querySelectorAll('button.texts')]
    .map(button => button.ariaExpanded)"""
MOVE = "document.querySelectorAll('#table tbody tr')[arguments[0]].querySelector('a').focus()"

# Of the look.
A4 = 718  # pixels between the margins of a sheet
OVERFLOW = """const page = document.documentElement;
    return Math.max(0, page.scrollWidth - page.clientWidth)"""
FITS = "const page = document.documentElement; return page.scrollWidth <= page.clientWidth"
LIGHT = """const light = (color) => {
      const parts = color.match(/[\\d.]+/g).slice(0, 3).map(Number).map(part => part / 255)
        .map(part => part <= .03928 ? part / 12.92 : ((part + .055) / 1.055) ** 2.4);
      return .2126 * parts[0] + .7152 * parts[1] + .0722 * parts[2];
    };
"""
BEHIND = """const behind = (element) => {
      const shade = getComputedStyle(element).backgroundColor;
      return /rgba\\(.* 0\\)/.test(shade) ? behind(element.parentElement) : shade;
    };
"""
LUMINANCE = LIGHT + """const style = getComputedStyle(document.body);
    return [light(style.color), light(style.backgroundColor)]"""
EVERY_WORD = LIGHT + BEHIND + """
    return [...document.querySelectorAll('body *')].filter(element => element.offsetHeight
        && [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim()))
      .map(element => [element.className + ' ' + element.innerText,
        light(getComputedStyle(element).color), light(behind(element))])"""
EVERY_MARK = LIGHT + BEHIND + """
    const controls = [...document.querySelectorAll('select, input[type=search], button')]
      .filter(control => control.offsetHeight && parseFloat(getComputedStyle(control).borderWidth))
      .map(control => [control.outerHTML, light(getComputedStyle(control).borderTopColor),
        light(behind(control.parentElement))]);
    const lanes = [...document.querySelectorAll('#chart path:not(.area, .curve)')]
      .map(lane => [lane.className.baseVal, light(getComputedStyle(lane).fill),
        light(behind(document.getElementById('chart')))]);
    const bars = [...document.querySelectorAll('.share-bar i, .bar i')].slice(0, 20)
      .map(bar => [bar.className, light(getComputedStyle(bar).backgroundColor),
        light(behind(bar.parentElement))]);
    return [...controls, ...lanes, ...bars]"""
NOTE_COVERED = """window.covered = [], window.focused = [];
    document.addEventListener('keydown', () => {  // before the focus moves on
      const element = document.activeElement, box = element.getBoundingClientRect();
      const top = document.elementFromPoint(box.left + 2, box.top + 2);
      focused.push(element.tagName);
      if (top?.closest('thead') && !element.closest('thead')) covered.push(element.innerText);
    }, true);
    document.querySelectorAll('#table tbody tr')[40].querySelector('a').focus()"""

WIDTHS = (400, 600, 768, 800, 900, 1024, 1280, 1920)
VIEWS = ("leaks", "contexts", "origins", "directories", "tests")
CUT = """const cut = (element) => element.scrollWidth > element.clientWidth;
    return [...document.querySelectorAll('#table thead button')].filter(button => cut(button)
        || cut(button.parentElement) || button.offsetWidth > button.parentElement.clientWidth)
      .map(button => button.innerText)"""
BROKEN = """return [...document.querySelectorAll(
        '#table :is(.status-leak, .status-bad, .status-good, .status-quiet):not([aria-hidden])')]
      .filter(word => !word.lastChild.data.includes(' ')
        && new Set([...word.getClientRects()].map(box => box.top)).size > 1)
      .map(word => word.innerText)"""
MOMENT = """const text = document.getElementById('moment-text');
    const [moment, name, outcome] = text.children, box = text.getBoundingClientRect();
    const shown = [moment, outcome].map(element => element.getBoundingClientRect())
      .every(part => part.left >= box.left && part.right <= box.right + .5
        && part.top >= box.top - .5 && part.bottom <= box.bottom + .5);
    return [shown, name.title, moment.innerText, outcome.innerText, name.offsetWidth > 100]"""


def setUpModule() -> None:
    start_browser()


class TableTests(PageCase):
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
        self.assertIn("Leaks were not looked for (--leaks off)", page)
        self.assertNotRegex(page, "Nothing left|leaked|Leaks[^ ]|Created")

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
        card = "return document.querySelector('.totals li:nth-child(2)').innerText"
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

    def test_tiles_have_the_area_of_their_bytes_and_link_to_leaks(self) -> None:
        self.show("medium")
        tiles = self.run_script("""const map = document.querySelector('#treemap ul');
            const whole = map.clientWidth * map.clientHeight;
            return [...map.children].map(tile =>
                tile.offsetWidth * tile.offsetHeight / whole)""")
        self.assertAlmostEqual(sum(tiles), 1, delta=0.03)
        self.assertEqual(tiles, sorted(tiles, reverse=True))
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
        self.show("hostile")  # one leak of a pebibyte
        self.assertEqual(self.run_script(height), 0)


class NavigationTests(PageCase):
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
            self.show("medium", fragment)
            self.assertEqual(self.run_script(ROWS), 100, fragment)

    def test_a_group_leads_to_its_leaks_and_back(self) -> None:
        for view in ("contexts", "origins", "directories"):
            with self.subTest(view=view):
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

    def test_every_control_has_a_name(self) -> None:
        for fragment in ("", "#view=tests&facet=error"):
            self.show("medium", fragment)
            nameless = self.run_script("""
                return [...document.querySelectorAll('a, button, input, select')].filter(control =>
                    !(control.innerText || control.ariaLabel || control.labels?.length
                        || control.hidden || control.closest('[hidden]')))
                    .map(control => control.outerHTML)""")
            self.assertEqual(nameless, [])

    def test_link_in_the_table_moves_the_focus_to_the_title(self) -> None:
        self.show("medium")
        self.run_script(MOVE, 80)
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
        self.assertEqual(self.run_script(ROWS), 600)
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
        words = self.run_script(
            "return [...document.querySelectorAll('#chart text')].map(text => text.textContent)"
        )
        self.assertEqual([word for word in words if word.endswith("min")],
                         [f"{minute} min" for minute in range(0, 16, 2)])
        self.assertEqual([word for word in words if word.endswith("B")], ["0 B", "1 B"])
        self.assertEqual([word for word in words if word.endswith("s")], ["Tests"])

    def test_the_title_of_the_document_follows_the_table(self) -> None:
        self.show("medium")
        self.assertRegex(self.run_script("return document.title"), r"^Leaks \S 150 leaks, ")
        self.browser.click("#views a[data-view=origins]")
        self.assertRegex(self.run_script("return document.title"), r"^By origin \S 150 leaks")
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
            self.assertIn(f"{id} (", self.run_script(TOLD))
            self.assertIn(f"{id} (", self.run_script(SPOKEN))
        self.browser.press(END)
        self.assertIn(f"{ids[-1]} (", self.run_script(TOLD))
        self.assertEqual(self.run_script("return document.getElementById('moment').max"), "600")

    def test_where_no_test_ran_none_is_named(self) -> None:
        self.show("repeated")
        self.browser.resize(1280)
        self.browser.point("#chart", 0.29)
        self.assertRegex(self.run_script(TOLD), r"^1\.[45]\d s\b.*\bno test ran$")
        self.assertTrue(self.run_script("return document.getElementById('moment-test').disabled"))
        self.browser.point("#chart", 0.4)
        self.assertIn("m.C.test_x (run 2) (failure", self.run_script(TOLD))

    def test_moment_is_spoken_once_and_moves_nothing(self) -> None:
        self.show("hostile")
        self.assertEqual(self.run_script("""const text = document.getElementById('moment-text');
            return [text.tagName, text.role, text.ariaLive]"""), ["P", None, None])
        height = "return document.getElementById('tables').offsetTop"
        before = self.run_script(height)
        self.run_script("document.getElementById('moment').focus()")
        self.browser.press(END)
        self.assertIn("red", self.run_script(TOLD))
        self.assertEqual(self.run_script(height), before)


def contrast(one: float, other: float) -> float:
    """Return the contrast ratio of the accessibility guidelines: 4.5 is enough, 7 is good."""
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


class LookTests(PageCase):
    def test_a_focused_link_is_never_under_the_heads_of_the_columns(self) -> None:
        for width in (1280, 800, 400):
            self.browser.resize(width, 700)
            self.show("medium")
            self.run_script(NOTE_COVERED)
            self.browser.press_shifted(TAB, 40)
            self.assertEqual(self.run_script("return covered"), [], width)
            self.assertGreater(self.run_script("return focused.length"), 40)

    def test_a_focused_control_can_be_seen(self) -> None:
        self.show("medium")
        self.browser.press(TAB, TAB)
        style = self.run_script("""const style = getComputedStyle(document.activeElement);
            return [style.outlineStyle, parseFloat(style.outlineWidth)]""")
        self.assertEqual(style[0], "solid")
        self.assertGreaterEqual(style[1], 2)

    def test_both_themes_are_readable_and_can_be_chosen(self) -> None:
        shades = {}
        for theme in ("dark", "light"):
            self.browser.prefer(theme)
            self.show("medium")
            shades[theme] = self.run_script(LUMINANCE)
            self.assertGreater(contrast(*shades[theme]), 7, theme)
        self.assertNotEqual(shades["dark"], shades["light"])
        self.choose("theme", "dark")
        self.assertEqual(self.run_script(LUMINANCE), shades["dark"])
        self.run_script("localStorage.clear()")

    def test_every_word_has_enough_contrast_in_both_themes(self) -> None:
        for theme in ("dark", "light"):
            self.browser.prefer(theme)
            for fragment in ("", "#view=tests&sort=status"):
                self.show("medium", fragment)
                pairs = self.run_script(EVERY_WORD)
                self.assertGreater(len(pairs), 50)
                faint = [words for words, *shades in pairs if contrast(*shades) < 4.5]
                self.assertEqual(faint, [], theme)

    def test_nothing_is_wider_than_the_window(self) -> None:
        for page, fragment in (
            ("medium", ""), ("hostile", ""), ("hostile", "#view=tests"),
            ("hostile", "#view=origins"),
        ):
            self.show(page, fragment)
            for width in (320, 400, 600, 800, 1280):
                self.browser.resize(width)
                self.wait_for(FITS, (width, page, fragment))

    def test_no_head_of_a_column_is_cut_and_no_state_is_broken(self) -> None:
        self.show("wordy")
        for theme, width in zip(itertools.cycle(("light", "dark")), WIDTHS, strict=False):
            self.browser.prefer(theme)
            self.browser.resize(width)
            for view in VIEWS:
                self.run_script(f"document.querySelector('#views [data-view={view}]').click()")
                self.wait_for(FITS, (theme, width, view))
                self.assertEqual(self.run_script(CUT), [], (theme, width, view))
                self.assertEqual(self.run_script(BROKEN), [], (theme, width, view))

    def test_long_name_on_the_timeline_is_shortened_in_the_middle(self) -> None:
        self.show("wordy")
        for width in (320, *WIDTHS):
            self.browser.resize(width)
            shown, title, moment, outcome, has_room = self.run_script(MOMENT)
            self.assertTrue(shown and has_room, width)
            self.assertRegex(title, r"^tests\.unit\..*\.test_(export_?){14}$")
            self.assertRegex(moment, r"^0\.00 s  ·  .*B in \d+ files")
            self.assertIn("(unexpected success, 1 min 05 s", outcome)

    def test_controls_and_marks_have_enough_contrast(self) -> None:
        for theme in ("dark", "light"):
            self.browser.prefer(theme)
            self.show("medium")
            pairs = self.run_script(EVERY_MARK)
            self.assertGreater(len(pairs), 15)
            faint = [words for words, *shades in pairs if contrast(*shades) < 3]
            self.assertEqual(faint, [], theme)

    def test_failures_have_a_lane_of_their_own(self) -> None:
        self.show("medium")
        lanes = self.run_script("""return ['ran', 'failed', 'leaked'].map(name =>
            document.querySelector(`#chart .${name}`).getBBox())""")
        for above, below in itertools.pairwise(lanes):
            self.assertGreater(below["y"], above["y"] + above["height"])

    def test_narrow_screen_stacks_cells_with_their_headings(self) -> None:
        self.browser.resize(400)
        self.show("medium")
        cells = self.run_script("""return [...document.querySelector('#table tbody tr').cells]
            .map(cell => [cell.offsetTop, getComputedStyle(cell, '::before').content])""")
        tops = [top for top, _ in cells]
        self.assertEqual(sorted(set(tops)), tops)
        self.assertEqual([label for _, label in cells[1:3]], ['"Type"', '"Size"'])
        self.assertEqual(self.run_script("return document.querySelector('#table td').role"), "cell")
        self.browser.click("th[data-key=entries] button")
        self.assertIn("sort=-entries", self.run_script("return location.hash"))

    def test_on_a_narrow_screen_the_heading_has_the_whole_width(self) -> None:
        self.browser.resize(400)
        self.show("medium")
        self.assertGreater(self.run_script("return document.querySelector('h1').offsetWidth"), 340)

    def test_on_a_wide_screen_the_page_grows(self) -> None:
        self.browser.resize(2200)
        self.show("medium")
        self.assertEqual(self.run_script("return document.querySelector('main').offsetWidth"), 1700)

    def test_bars_begin_at_one_edge_and_are_as_long_as_their_number(self) -> None:
        self.show("medium", "#view=tests&sort=-bytes")
        bars = self.run_script("""return [...document.querySelectorAll('.bar.created')].map(bar =>
            [bar.firstChild.offsetLeft - bar.offsetLeft, bar.firstChild.offsetWidth,
             bar.closest('tr').record.bytes, bar.offsetHeight])""")
        self.assertEqual({left for left, *_ in bars}, {0})
        longest, most = bars[0][1:3]
        for _, length, made, height in bars:
            self.assertAlmostEqual(length / longest, made / most, delta=0.02)
            self.assertGreaterEqual(height, 8)

    def test_on_paper_the_page_is_light_whatever_theme_was_chosen(self) -> None:
        self.show("medium")
        self.choose("theme", "dark")
        self.browser.prefer("dark", "print")
        paper = LUMINANCE.replace("style.backgroundColor", "'rgb(255, 255, 255)'")
        text, page = self.run_script(paper)
        self.assertGreater(contrast(text, page), 12)
        swatches = self.run_script("""return ['.bar i', '.share-bar i', '.tag'].map(name =>
            getComputedStyle(document.querySelector(name)).printColorAdjust)""")
        self.assertEqual(set(swatches), {"exact"})
        self.run_script("localStorage.clear()")

    def test_on_paper_no_column_is_cut_and_no_row_is_split(self) -> None:
        self.browser.prefer("light", "print")
        self.browser.resize(A4)
        for page in ("judged", "hostile"):
            self.show(page)
            self.assertEqual(self.run_script(OVERFLOW), 0)
            edges = self.run_script("""return [...document.querySelectorAll('#table th, #table td')]
                .map(cell => cell.getBoundingClientRect().right)""")
            self.assertLessEqual(max(edges), A4)
            self.assertEqual(self.run_script("""
                return [getComputedStyle(document.querySelector('#table tbody tr')).breakInside,
                    getComputedStyle(document.querySelector('#table thead')).display]"""),
                ["avoid", "table-header-group"])

    def test_paper_names_the_number_of_rows_and_the_filters(self) -> None:
        self.browser.prefer("light", "print")
        self.show("medium", "#facet=file&q=cache")
        caption = self.run_script("""const caption = document.querySelector('#table caption');
            return caption.offsetHeight > 10 && caption.innerText""")
        self.assertRegex(caption, r"^Leaks: \d+ leaks, .*B; Type: file; filter: cache$")
        self.show("judged")
        self.assertIn("First 100 of 150 leaks",
                      self.run_script("return document.querySelector('#table caption').innerText"))


if __name__ == "__main__":
    unittest.main()
