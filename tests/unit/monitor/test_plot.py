"""The curve of a monitor: an SVG or HTML file that stands alone."""

from __future__ import annotations

import os
import re
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

from tempfiles.errors import SettingError
from tempfiles.monitor.axes import thin
from tempfiles.monitor.plot import WIDTH, draw, summarise, write_plot
from tempfiles.monitor.usage import Sample, Share

SVG = "{http://www.w3.org/2000/svg}"
MIB = 1024 * 1024


def _samples(count: int) -> list[Sample]:
    return [Sample(1000.0 + n, files=n, directories=1, bytes=n * MIB) for n in range(count)]


def _texts(drawing: str) -> list[str]:
    return ["".join(text.itertext()) for text in ElementTree.fromstring(drawing).iter(f"{SVG}text")]


class DrawTests(unittest.TestCase):
    def test_title_units_and_names_of_curves_are_drawn(self) -> None:
        texts = _texts(draw(_samples(10), "/tmp/suite"))
        self.assertIn("Temporary files in /tmp/suite", texts)
        for label in ("Size (MiB)", "Entries (count)", "Time since the first sample (s)",
                      "files", "directories"):
            self.assertIn(label, texts)

    def test_image_has_a_summary_in_words(self) -> None:
        samples = _samples(10)
        tree = ElementTree.fromstring(draw(samples, "/tmp/suite"))
        self.assertEqual("img", tree.get("role"))
        named = {element.get("id"): element.text for element in tree}
        words = [named[name] for name in (tree.get("aria-labelledby") or "").split()]
        self.assertEqual(["Temporary files in /tmp/suite", summarise(samples)], words)
        self.assertIn("peak 9.0 MiB after 9 s, at most 9 files", summarise(samples))

    def test_higher_is_drawn_higher_and_later_further_right(self) -> None:
        tree = ElementTree.fromstring(draw(_samples(5), "/tmp/suite"))
        lines = {line.get("class"): line for line in tree.iter(f"{SVG}polyline")}
        points = [point.split(",") for point in (lines["line bytes"].get("points") or "").split()]
        xs, ys = [float(x) for x, _ in points], [float(y) for _, y in points]
        self.assertEqual(sorted(set(xs)), xs)
        self.assertEqual(sorted(set(ys), reverse=True), ys)
        self.assertEqual(5, len(points))

    def test_unit_fits_the_values(self) -> None:
        for size, span, labels in (
            (5, 10, {"Size (bytes)", "Time since the first sample (s)"}),
            (3000, 600, {"Size (KiB)", "Time since the first sample (min)"}),
            (5 * 1024**3, 4 * 3600, {"Size (GiB)", "Time since the first sample (h)"}),
        ):
            with self.subTest(size=size):
                samples = [Sample(0.0), Sample(float(span), files=1, bytes=size)]
                self.assertLessEqual(labels, set(_texts(draw(samples, "/tmp"))))

    def test_no_sample_one_sample_and_empty_samples_are_drawn(self) -> None:
        for samples in ([], _samples(1), [Sample(1.0), Sample(1.0)]):
            with self.subTest(samples=len(samples)):
                ElementTree.fromstring(draw(samples, "/tmp"))
        self.assertEqual("No samples were taken.", summarise([]))

    def test_clock_set_back_stays_inside_the_drawing(self) -> None:
        drawing = draw([Sample(100.0), Sample(50.0, bytes=5), Sample(900.0), Sample(99.0)], "/tmp")
        line = next(ElementTree.fromstring(drawing).iter(f"{SVG}polyline"))
        xs = [float(point.split(",")[0]) for point in (line.get("points") or "").split()]
        self.assertEqual(xs[0], min(xs))
        self.assertLessEqual(max(xs), WIDTH)

    def test_names_are_text_never_markup(self) -> None:
        share = Share("<b>&", 1, 0, 5, "owner", "<script>alert(1)</script>")
        drawing = draw([Sample(1.0, bytes=5, shares=(share,))], "</title><script>")
        self.assertNotIn("<script>", drawing)
        ElementTree.fromstring(drawing)

    def test_thinning_keeps_the_ends_and_every_peak(self) -> None:
        samples = [Sample(float(n), bytes=1, files=1) for n in range(20_000)]
        samples[7001] = Sample(7001.0, bytes=99, files=1)
        samples[7002] = Sample(7002.0, bytes=1, files=99)
        kept = thin(samples, 100)
        self.assertLessEqual(len(kept), 110)
        for sample in (samples[0], samples[7001], samples[7002], samples[-1]):
            self.assertIn(sample, kept)


class WritePlotTests(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = self.enterContext(tempfile.TemporaryDirectory())

    def _written(self, name: str) -> str:
        path = os.path.join(self.directory, name)
        share = Share("tidy-1", 3, 1, 9, "shop (pid 7)", "tests.test_it")
        write_plot(path, [*_samples(3), Sample(1003.0, 3, 1, 9 * MIB, shares=(share,))], "/tmp/x")
        with open(path, encoding="utf-8") as file:
            return file.read()

    def test_svg_and_html_need_no_other_file(self) -> None:
        for name in ("curve.svg", "curve.html", "CURVE.HTM"):
            with self.subTest(name=name):
                text = self._written(name).replace("http://www.w3.org/2000/svg", "")
                self.assertIsNone(re.search(r"https?:|src=|href=|@import|url\(|<script", text))
                self.assertIn("prefers-color-scheme: dark", text)

    def test_page_names_the_largest_at_the_peak(self) -> None:
        page = self._written("curve.html")
        for cell in ("tidy-1", "shop (pid 7)", "tests.test_it"):
            self.assertIn(f"<td>{cell}</td>", page)
        self.assertTrue(page.startswith("<!DOCTYPE html>"))

    def test_other_ending_is_refused_by_name(self) -> None:
        with self.assertRaisesRegex(SettingError, r"'curve\.png' does not end in .*\.html.*\.svg"):
            write_plot("curve.png", [], "/tmp")


if __name__ == "__main__":
    unittest.main()
