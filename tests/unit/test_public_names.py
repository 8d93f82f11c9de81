"""The public names of `tempfiles`: a change here is a change for users."""

from __future__ import annotations

import inspect
import types
import unittest

import runner
import tempfiles

FUNCTIONS = [
    "activate", "assert_tree", "catch_termination", "choose_location", "cleanup_all",
    "cleanup_context", "configure", "context", "contexts", "copy_to_temp",
    "create_nested_directory", "create_temp_directory", "create_with_content",
    "current_context", "draw_timeline",
    "format_contents", "format_count", "format_size", "generate_temp_path",
    "get_context_for_file", "get_registered_directories", "get_registered_files",
    "get_temp_dir", "has_orphans", "is_registered", "is_terminated", "keep", "leftover_of",
    "observed",
    "on_context_close", "on_context_open", "on_run_close", "on_termination", "open_contexts",
    "original_os_functions", "original_process_state", "parse_size", "paths_left", "persist",
    "printable", "read_tree", "reap", "redirect", "register_directory", "register_file", "remove",
    "remove_callback", "restore_user",
    "remove_directory", "root_directories", "set_temp_dir", "stats", "system_directory",
    "temp_directory", "temp_file", "temp_tree", "terminate", "try_draft", "unregister",
    "untracked", "write_atomically",
]
CLASSES = [
    "Child", "Context", "ContextRecord", "ContextReport", "Detector", "Example",
    "Finding", "Lane", "Leak",
    "Leftover",
    "Modification", "Monitor", "Origin", "ProcessDetector", "ReapReport", "Reaped", "Recording",
    "RemovalFailure", "RemovalReport", "Rescued", "Resource", "Retention", "RetentionSettings",
    "Run", "RunReport", "RunSettings", "Sample", "Settings", "SpecialFile", "Stats", "Summary",
    "Symlink", "TempDirectory", "TempTree", "Terminated", "Timeline",
    "Unattributed", "Usage",
]
CONSTANTS = ["CACHE_DIRECTORIES", "KEPT_PREFIX", "Scope", "Source", "__version__"]
ERRORS = [
    "ContentError", "DestinationExistsError", "EscapeError", "FileSystemError",
    "InvalidNameError", "LimitError", "NotFoundError", "NotRegisteredError", "OwnershipError",
    "PathTypeError", "PermissionDeniedError", "RefusedError", "RemovalError", "SettingError",
    "TempFilesError", "UnknownContextError",
]


class PublicNameTests(unittest.TestCase):
    def test_they_are_these(self) -> None:
        self.assertEqual(
            sorted(tempfiles.__all__), sorted([*FUNCTIONS, *CLASSES, *ERRORS, *CONSTANTS])
        )

    def test_each_is_there_callable_and_documented(self) -> None:
        for name in [*FUNCTIONS, *CLASSES, *ERRORS]:
            with self.subTest(name):
                value = getattr(tempfiles, name)
                self.assertTrue(callable(value))
                self.assertTrue(inspect.getdoc(value))

    def test_no_property_begins_with_what_is_taken_for_its_type(self) -> None:
        for owner in (*(getattr(tempfiles, name) for name in CLASSES), runner.TrackedTestCase):
            for name, value in inspect.getmembers(owner, lambda each: isinstance(each, property)):
                with self.subTest(owner.__name__, name=name):
                    self.assertNotIn(": ", (inspect.getdoc(value) or "").split("\n")[0])

    def test_nothing_public_is_left_out(self) -> None:
        public = {
            name for name, value in vars(tempfiles).items()
            if not name.startswith("_") and not isinstance(value, types.ModuleType)
        }
        self.assertLessEqual(public, set(tempfiles.__all__))

    def test_each_error_is_of_the_package_and_of_a_builtin(self) -> None:
        for name in ERRORS:
            with self.subTest(name):
                error = getattr(tempfiles, name)
                self.assertTrue(issubclass(error, tempfiles.TempFilesError))
                if error is not tempfiles.TempFilesError:
                    self.assertTrue(issubclass(error, (OSError, ValueError, TypeError)))
