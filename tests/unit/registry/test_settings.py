"""Settings: valid and refused values, and where new files go."""

from __future__ import annotations

import dataclasses
import os
import tempfile
from pathlib import Path
from typing import Any, cast

import tempfiles
from tempfiles import SettingError
from tests.support.isolation import IsolatedTestCase


class ConfigureTests(IsolatedTestCase):
    def test_configure_returns_a_frozen_record(self) -> None:
        changed = tempfiles.configure(prefix="abc", max_temp_files=7)
        self.assertEqual((changed.prefix, changed.max_temp_files), ("abc", 7))
        self.assertEqual(tempfiles.configure(), changed)
        with self.assertRaises(dataclasses.FrozenInstanceError):
            changed.prefix = "x"  # type: ignore[misc]

    def test_unknown_setting_is_refused_with_the_nearest_name(self) -> None:
        for wrong, near in (("prefx", "prefix"), ("tempdir", "temp_dir"), ("cleanup", "cleanup_")):
            with self.subTest(wrong), self.assertRaisesRegex(SettingError, f"{wrong}.*{near}"):
                tempfiles.configure(**{wrong: cast(Any, 1)})

    def test_value_of_wrong_type_or_range_is_refused_by_name(self) -> None:
        wrong: list[tuple[str, Any]] = [
            ("temp_dir", 3), ("temp_dir", ""), ("temp_dir", "/no/such/place"),
            ("temp_dir", "a\0b"), ("temp_dir", __file__),
            ("prefix", 3), ("prefix", ""), ("prefix", "a/b"), ("prefix", ".."), ("prefix", "a\0"),
            ("prefix", "x" * 256), ("prefix", None),
            ("cleanup_on_exit", 1), ("cleanup_on_exit", "yes"), ("cleanup_on_exit", None),
            ("cleanup_delay", -1), ("cleanup_delay", "1"), ("cleanup_delay", True),
            ("cleanup_delay", float("nan")), ("cleanup_delay", float("inf")),
            ("max_temp_files", 0), ("max_temp_files", -1), ("max_temp_files", 1.5),
            ("max_temp_files", True), ("max_temp_files", "9"),
            ("cleanup_policy", "sometimes"), ("cleanup_policy", None),
            ("cleanup_policy", ["never"]),
        ]
        before = tempfiles.configure()
        for name, value in wrong:
            with self.subTest(name=name, value=value):
                with self.assertRaisesRegex(SettingError, name) as caught:
                    tempfiles.configure(**{name: value})
                self.assertIsInstance(caught.exception, ValueError)
        self.assertEqual(tempfiles.configure(), before)

    def test_refused_setting_changes_no_setting(self) -> None:
        before = tempfiles.configure()
        with self.assertRaises(SettingError):
            tempfiles.configure(prefix="good", cleanup_delay=-1)
        self.assertEqual(tempfiles.configure(), before)

    def test_prefix_begins_new_names(self) -> None:
        tempfiles.configure(prefix="mine-")
        for path in (
            tempfiles.create_with_content(""),
            tempfiles.create_temp_directory(),
            tempfiles.generate_temp_path(),
        ):
            self.assertTrue(path.name.startswith("mine-"), path)


class TempDirTests(IsolatedTestCase):
    def test_new_files_go_to_the_chosen_directory(self) -> None:
        self.assertEqual(tempfiles.get_temp_dir(), self.base)
        self.assertEqual(tempfiles.create_with_content("").parent, self.base)

    def test_default_directory_is_asked_from_tempfile_each_time(self) -> None:
        tempfiles.set_temp_dir(None)
        self.addCleanup(setattr, tempfile, "tempdir", tempfile.tempdir)
        for directory in (self.base, self.outside):
            tempfile.tempdir = str(directory)
            self.assertEqual(tempfiles.get_temp_dir(), directory)
            self.assertEqual(tempfiles.create_temp_directory().parent, directory)

    def test_relative_directory_is_resolved_when_it_is_set(self) -> None:
        before = Path.cwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.base.parent)
        tempfiles.set_temp_dir("outside")
        os.chdir(before)
        self.assertEqual(tempfiles.get_temp_dir().resolve(), self.outside.resolve())
