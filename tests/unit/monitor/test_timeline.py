"""The timeline of a run: a curve and lanes on one axis."""

from __future__ import annotations

import re
import unittest
import xml.etree.ElementTree as ElementTree

from tempfiles import Lane, Sample, Timeline, draw_timeline

WIDTH = 1_000


def _drawn(timeline: Timeline) -> ElementTree.Element:
    return ElementTree.fromstring(draw_timeline(timeline, WIDTH))


def _bars(drawing: ElementTree.Element, kind: str) -> list[tuple[float, float]]:
    """Return where the bars of a lane begin and end, in seconds."""
    left, right = (float(drawing.attrib[name]) * WIDTH for name in ("data-left", "data-right"))
    second = (right - left) / float(drawing.attrib["data-seconds"])
    (path,) = [path.attrib["d"] for path in drawing.iter("path") if path.get("class") == kind]
    edges = re.findall(r"M([\d.]+) \d+H([\d.]+)", path)
    start_and_end = [tuple(map(float, edge)) for edge in edges]
    return [((start - left) / second, (end - left) / second) for start, end in start_and_end]


class TimelineTests(unittest.TestCase):
    def test_bars_lie_where_their_tests_ran(self) -> None:
        lanes = (Lane("Tests", "ran", [(1, 2), (4, 8)]), Lane("Failed", "failed", [(4, 8)]))
        drawing = _drawn(Timeline("two tests", 0, 10, lanes=lanes))
        edges = [round(edge, 1) for bar in _bars(drawing, "ran") for edge in bar]
        self.assertEqual(edges, [1, 2, 4, 8])
        self.assertEqual(len(_bars(drawing, "failed")), 1)
        self.assertEqual(drawing.get("aria-label"), "two tests")

    def test_bars_that_touch_are_one_and_a_short_one_is_seen(self) -> None:
        spans = [(n / 5_000, (n + 0.9) / 5_000) for n in range(5_000)]
        drawing = _drawn(Timeline("", 0, 10, lanes=(Lane("Tests", "ran", spans, least=3),)))
        self.assertLess(len(_bars(drawing, "ran")), 5)
        drawing = _drawn(Timeline("", 0, 10, lanes=(Lane("Tests", "ran", [(5, 5)], least=3),)))
        ((start, stop),) = _bars(drawing, "ran")
        self.assertGreater(stop, start)

    def test_curve_begins_where_its_first_sample_was_taken(self) -> None:
        samples = [Sample(105.0, bytes=0), Sample(110.0, bytes=2048)]
        drawing = _drawn(Timeline("", 100.0, 10, samples))
        (line,) = drawing.iter("polyline")
        x, low, end, high = map(float, re.split("[ ,]", line.attrib["points"]))
        left, right = (float(drawing.attrib[name]) * WIDTH for name in ("data-left", "data-right"))
        self.assertAlmostEqual(x, (left + right) / 2, delta=1)
        self.assertAlmostEqual(end, right, delta=1)
        self.assertLess(high, low)

    def test_labels_are_text_and_time_has_one_unit(self) -> None:
        drawing = _drawn(Timeline('<&">', 0, 600, lanes=(Lane("<b>", "ran", [(0, 1)]),)))
        words = [text.text for text in drawing.iter("text")]
        self.assertEqual(words[0], "<b>")
        self.assertEqual(words[-1], "Time since the start (min)")


if __name__ == "__main__":
    unittest.main()
