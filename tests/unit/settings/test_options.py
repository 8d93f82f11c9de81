"""The table of options."""

from __future__ import annotations

import unittest
from types import UnionType
from typing import get_args, get_origin, get_type_hints

from runner.settings.config import Config
from runner.settings.options import BY_NAME, COMMAND_LINE, OPTIONS, find, nearest


class OptionsTests(unittest.TestCase):
    def test_each_option_has_one_field_in_config(self) -> None:
        self.assertEqual(sorted(Config._fields), sorted(option.field for option in OPTIONS))

    def test_each_default_has_the_declared_type(self) -> None:
        for field, declared in get_type_hints(Config).items():
            members = get_args(declared) if isinstance(declared, UnionType) else (declared,)
            allowed = [get_origin(member) or member for member in members]
            with self.subTest(field=field):
                self.assertIn(type(Config._field_defaults[field]), allowed)

    def test_each_default_survives_show_and_parse(self) -> None:
        for option in OPTIONS:
            if option.default is None or option.type.is_path or option.name in ("shuffle",):
                continue
            values = option.default if isinstance(option.default, tuple) else (option.default,)
            for value in values:
                with self.subTest(option=option.name):
                    self.assertEqual(option.type(option.show(value)), value)

    def test_each_option_has_help_and_metavar(self) -> None:
        for option in OPTIONS:
            with self.subTest(option=option.name):
                self.assertTrue(option.help and option.group)
                self.assertEqual(bool(option.metavar), not option.is_switch)

    def test_opposite_is_found_for_lasting_options_only(self) -> None:
        self.assertEqual(find("no-reap"), (BY_NAME["reap"], True))
        self.assertEqual(find("no-shuffle"), (BY_NAME["shuffle"], True))
        for name in ("no-leaks", "no-version", "no-no-reap", "no-", "", "no-pdb"):
            with self.subTest(name=name):
                self.assertIsNone(find(name))

    def test_nearest_name_is_found_for_misspelt_ones(self) -> None:
        near = {
            "leek": "leaks",
            "leak_jsn": "leak-json",
            "Shufle": "shuffle",
            "temproot": "temp-root",
        }
        for misspelt, expected in near.items():
            with self.subTest(misspelt=misspelt):
                self.assertEqual(nearest(misspelt), expected)
        for strange in ("foo", "x", "nonsense"):
            self.assertIsNone(nearest(strange))

    def test_config_is_frozen(self) -> None:
        with self.assertRaises(AttributeError):
            Config().leaks = "off"  # type: ignore[misc]

    def test_only_these_options_are_no_settings(self) -> None:
        only = {option.name for option in OPTIONS if option.allowed == COMMAND_LINE}
        self.assertEqual(only, {
            "show-settings", "version", "completion", "parity", "replay", "record", "merge",
            "shard", "list", "fix", "diff", "apply", "force",
        })


if __name__ == "__main__":
    unittest.main()
