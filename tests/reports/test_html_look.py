"""The look of the HTML report in a browser: contrast, widths, themes, paper."""

from __future__ import annotations

import itertools
import unittest

from tests.support.html_pages import PageCase, share_browser

TAB = "\ue004"

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
    const lanes = [...document.querySelectorAll('#chart .wide path')]
      .map(lane => [lane.className.baseVal, light(getComputedStyle(lane).fill),
        light(behind(document.getElementById('chart')))]);
    const bars = [...document.querySelectorAll('.bar i')].slice(0, 20)
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
    [...document.querySelectorAll('#table tbody tr')].at(-1).querySelector('a').focus()"""

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

setUpModule = share_browser(__name__)


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
                self.show("source", fragment)
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
            document.querySelector(`#chart .wide .${name}`).getBBox())""")
        for above, below in itertools.pairwise(lanes):
            self.assertGreater(below["y"], above["y"] + above["height"])

    def test_narrow_screen_stacks_cells_with_their_headings(self) -> None:
        self.browser.resize(400)
        self.show("medium")
        cells = self.run_script("""return [...document.querySelector('#table tbody tr').cells]
            .map(cell => [cell.offsetTop, getComputedStyle(cell, '::before').content])""")
        tops = [top for top, _ in cells]
        self.assertEqual(sorted(tops), tops)
        self.assertEqual(len(set(tops)), 4)  # type, size and files share a line
        self.assertEqual([label for _, label in cells[1:3]], ['"Type: "', '"Size: "'])
        self.assertEqual(self.run_script("return document.querySelector('#table td').role"), "cell")
        self.browser.click("th[data-key=files] button")
        self.assertIn("sort=-files", self.run_script("return location.hash"))

    def test_on_a_narrow_screen_the_heading_has_the_whole_width(self) -> None:
        self.browser.resize(400)
        self.show("medium")
        self.assertGreater(self.run_script("return document.querySelector('h1').offsetWidth"), 340)

    def test_page_of_2000_tests_is_short_until_it_is_unfolded(self) -> None:
        for width in (1280, 400):
            self.browser.resize(width)
            for fragment in ("", "#view=tests", "#view=origins"):
                self.show("source", fragment)
                height = self.run_script("return document.documentElement.scrollHeight")
                self.assertLess(height, 8_000, (width, fragment))
                self.assertGreater(height, 1_500)

    def test_narrow_table_begins_within_the_first_screen(self) -> None:
        self.browser.resize(400, 800)
        top = "return document.getElementById('table').getBoundingClientRect().top"
        for page in ("source", "judged", "medium", "empty"):
            self.show(page)
            self.assertLess(self.run_script(top), 750, page)
            folded = "return document.querySelectorAll('.fold[open]').length"
            self.assertEqual(self.run_script(folded), 0)
        self.browser.resize(1280)
        self.show("source")
        self.assertGreater(self.run_script(folded), 1)

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
        swatches = self.run_script("""return ['.bar i', '.tag'].map(name =>
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
        self.assertIn("First 50 of 150 leaks",
                      self.run_script("return document.querySelector('#table caption').innerText"))


if __name__ == "__main__":
    unittest.main()
