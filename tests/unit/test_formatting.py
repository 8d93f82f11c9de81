"""Ages and sizes, parsed and printed."""

from __future__ import annotations

import unittest

from tempfiles.errors import SettingError
from tempfiles.formatting import (
    format_age,
    format_count,
    format_size,
    parse_age,
    parse_size,
    printable,
)


class ParseAgeTests(unittest.TestCase):
    def test_reads_seconds_minutes_hours_days_and_weeks(self) -> None:
        for text, seconds in {
            "45s": 45, "30m": 1800, "2h": 7200, "7d": 604800, "1w": 604800, "1.5h": 5400, "0s": 0,
        }.items():
            with self.subTest(text):
                self.assertEqual(parse_age(text), seconds)

    def test_refuses_what_is_no_age_and_says_what_would_be(self) -> None:
        for text in ("", "7", "m", "-1h", "1 h", "1h30m", "2y", "٣h", "nan", "1e3s", "inf"):
            with self.subTest(text), self.assertRaisesRegex(SettingError, "as in 2h"):
                parse_age(text)

    def test_refuses_an_age_beyond_all_use(self) -> None:
        with self.assertRaisesRegex(SettingError, "100 years"):
            parse_age("9" * 400 + "d")


class ParseSizeTests(unittest.TestCase):
    def test_reads_bytes_and_binary_multiples(self) -> None:
        for text, size in {
            "1000": 1000, "0": 0, "512M": 512 * 2**20, "2G": 2**31, "1.5K": 1536, "2 GiB": 2**31,
            "1kB": 1024, "1T": 2**40, "7B": 7,
        }.items():
            with self.subTest(text):
                self.assertEqual(parse_size(text), size)

    def test_refuses_what_is_no_size_and_says_what_would_be(self) -> None:
        for text in ("", "G", "-1", "2X", "1,000", "0x10", "two", "1e9", "٣M"):
            with self.subTest(text), self.assertRaisesRegex(SettingError, "as in 512M"):
                parse_size(text)

    def test_refuses_a_size_beyond_all_file_systems(self) -> None:
        with self.assertRaisesRegex(SettingError, "more than"):
            parse_size("9" * 400)


class FormatTests(unittest.TestCase):
    def test_sizes_have_one_decimal_and_a_binary_unit(self) -> None:
        for size, text in {
            0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1229: "1.2 KiB", 2**20 - 1: "1.0 MiB",
            2**31: "2.0 GiB", 2**50: "1024.0 TiB",
        }.items():
            with self.subTest(size):
                self.assertEqual(format_size(size), text)

    def test_ages_are_in_their_largest_unit(self) -> None:
        ages = {0: "0s", -5: "0s", 59.9: "59s", 60: "1m", 7200: "2h", 2e5: "2d"}
        for seconds, text in ages.items():
            with self.subTest(seconds):
                self.assertEqual(format_age(seconds), text)

    def test_counts_have_their_noun(self) -> None:
        self.assertEqual(format_count(1, "entry", "entries"), "1 entry")
        self.assertEqual(format_count(2000, "entry", "entries"), "2,000 entries")
        self.assertEqual(format_count(0, "file"), "0 files")

    def test_every_invisible_character_is_escaped(self) -> None:
        everything = "".join(map(chr, range(0x11_0000)))
        self.assertTrue(printable(everything).isprintable())
        self.assertEqual(printable("a\x1b\x9b\udcff\u202e\r\n\t"),
                         "a\\x1b\\x9b\\udcff\\u202e\\r\\n\\t")
