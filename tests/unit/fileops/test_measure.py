"""The one measurer: lengths, what they take on the disk, entries; and what is left out."""

from __future__ import annotations

import os
import unittest

from tempfiles.fileops.measure import CancelledError, Extent, WalkRules, measure
from tempfiles.fileops.remove import remove_path
from tests.support.hostile import make_deep
from tests.support.projects import ProjectTestCase


class MeasureTests(ProjectTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.top = self.project / "top"
        (self.top / "inner").mkdir(parents=True)
        (self.top / "a").write_bytes(bytes(10))
        (self.top / "inner" / "b").write_bytes(bytes(20))

    def test_tree_counts_itself_and_all_below(self) -> None:
        extent = measure(str(self.top))
        self.assertEqual((extent.bytes, extent.files, extent.directories), (30, 2, 2))
        self.assertEqual(extent.entries, 4)

    def test_file_is_one_entry(self) -> None:
        self.assertEqual(measure(str(self.top / "a")).bytes, 10)
        self.assertEqual(measure(str(self.top / "a")).entries, 1)

    def test_link_is_not_followed(self) -> None:
        (self.project / "link").symlink_to(self.top)
        self.assertEqual(measure(str(self.project / "link")), Extent(files=1))

    def test_missing_path_is_nothing(self) -> None:
        self.assertEqual(measure(str(self.project / "missing")), Extent())

    def test_hole_takes_nothing(self) -> None:
        with open(self.top / "holes", "wb") as file:
            file.truncate(1 << 24)
        extent = measure(str(self.top / "holes"))
        self.assertEqual(extent.bytes, 1 << 24)
        self.assertLess(extent.taken, 1 << 16)

    def test_second_name_counts_once_where_wanted(self) -> None:
        os.link(self.top / "a", self.top / "inner" / "again")
        self.assertEqual(measure(str(self.top)).bytes, 40)
        extent = measure(str(self.top), rules=WalkRules(linked=set()))
        self.assertEqual((extent.bytes, extent.files), (30, 3))

    def test_excluded_path_is_left_out_with_all_below(self) -> None:
        inner = str(self.top / "inner")
        extent = measure(str(self.top), rules=WalkRules(excludes=lambda path: path == inner))
        self.assertEqual((extent.bytes, extent.entries), (10, 2))

    def test_deep_tree_is_measured(self) -> None:
        make_deep(self.project / "deep", 1200)
        self.addCleanup(remove_path, self.project / "deep")
        self.assertEqual(measure(str(self.project / "deep")).directories, 1200)

    def test_cancelled_walk_raises(self) -> None:
        with self.assertRaises(CancelledError):
            measure(str(self.top), rules=WalkRules(cancelled=lambda: True))


if __name__ == "__main__":
    unittest.main()
