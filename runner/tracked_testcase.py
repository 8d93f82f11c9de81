"""Test cases with methods for temporary files, which are removed after the test by any runner.

This package's runner opens a context for each test. Under other runners (`python -m unittest`,
pytest) nothing is patched, and these classes open the context themselves.
"""

from __future__ import annotations

import os
import unittest
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tempfiles
from tempfiles import Context

from .session import retention
from .unittest_api import test_id

__unittest = True

Content = str | bytes
StrPath = str | os.PathLike[str]


class _Tracked(unittest.TestCase):
    """The methods of `TrackedTestCase` and `TrackedAsyncTestCase`."""

    _temp_context: Context | None = None

    def run(self, result: Any = None) -> Any:
        """Run the test in a temp context of its own; its registered files are removed after it."""
        if getattr(unittest.TestCase.run, "opens_context", False):
            return super().run(result)
        with tempfiles.observed(), _opened(self):
            return super().run(result)

    @property
    def tempContext(self) -> str:
        """The id of the context that owns the files of this test, which is `TestCase.id()`."""
        return self._temp_context.id if self._temp_context is not None else Context.current().id

    def createTempFile(self, content: Content = "", extension: str = "tmp") -> Path:
        """Create a file with some content and return its path; it is removed after the test.

        Args:
            content: text (written as UTF-8) or bytes.
            extension: the end of its name, with or without its dot.

        Raises:
            TempFilesError: see `tempfiles.create_with_content`.
        """
        return tempfiles.create_with_content(content, extension)

    def createTempDirectory(self) -> Path:
        """Create an empty directory; it is removed with its contents after the test."""
        return tempfiles.create_temp_directory()

    def createTempTree(self, tree: Mapping[str, Any]) -> Path:
        """Create a directory tree from a dictionary (see `tempfiles.temp_tree`)."""
        return _make_tree(tree)

    def registerTempFile(self, path: StrPath) -> Path:
        """Register a file to be removed after the test; return its absolute path."""
        return tempfiles.register_file(path)

    def registerTempDirectory(self, path: StrPath) -> Path:
        """Register a directory to be removed with its contents; return its absolute path."""
        return tempfiles.register_directory(path)

    def artifactPath(self, name: str) -> Path:
        """Return a path for a file that is kept whatever the outcome, such as a log or a picture.

        The path is in a directory of this test in `--keep-dir`, or else in the system's temp
        directory. Only its parent directories are created. Under other runners the directory is
        set by the environment (`TIDYTEST_KEEP_DIR`) or the settings file.

        Args:
            name: a file name, or a relative path.

        Raises:
            InvalidNameError: the name is empty or contains NUL.
            EscapeError: the path would be outside the directory of the test.
            UsageError: the settings are wrong, or nothing can be kept in the directory they name.
            OSError: the parent directories cannot be created.
        """
        return retention.artifact(self._temp_context or Context.current(), name)

    def assertTreeEqual(self, path: StrPath, expected: Mapping[str, Any]) -> None:
        """Fail with a diff if a directory differs from a dictionary."""
        tempfiles.assert_tree(path, expected)

    def assertNoLeaks(self) -> None:
        """Fail if a file exists that this test created and did not register."""
        context = self._temp_context or Context.current()
        left = tempfiles.paths_left(context)
        outer = context.parent
        if outer is not None and outer.scope == "test":  # of a test tool, which owns the leaks
            left = [*left, *tempfiles.paths_left(outer)]
        if left:
            listed = "\n".join(f"  {path}" for path in left)
            raise self.failureException(f"{len(left)} left and not registered:\n{listed}")

    @classmethod
    def createClassTempFile(cls, content: Content = "", extension: str = "tmp") -> Path:
        """Create a file in `setUpClass`; it is removed after the class and its cleanups."""
        return cls._for_class(lambda: tempfiles.create_with_content(content, extension))

    @classmethod
    def createClassTempDirectory(cls) -> Path:
        """Create a directory in `setUpClass`; it is removed after the class and its cleanups."""
        return cls._for_class(lambda: tempfiles.create_temp_directory())

    @classmethod
    def createClassTempTree(cls, tree: Mapping[str, Any]) -> Path:
        """Create a directory tree from a dictionary in `setUpClass`."""
        return cls._for_class(lambda: _make_tree(tree))

    @classmethod
    def registerClassTempFile(cls, path: StrPath) -> Path:
        """Register a file to be removed after the class; return its absolute path."""
        return cls._for_class(lambda: tempfiles.register_file(path))

    @classmethod
    def registerClassTempDirectory(cls, path: StrPath) -> Path:
        """Register a directory to be removed after the class; return its absolute path."""
        return cls._for_class(lambda: tempfiles.register_directory(path))

    @classmethod
    def _for_class(cls, register: Callable[[], Path]) -> Path:
        """Register a path with the class's context, or its cleanups where it has none."""
        context: Context | None = Context.current()
        while context is not None and context.scope != "class":
            context = context.parent
        if context is not None:
            with tempfiles.activate(context):
                return register()
        path = register()
        tempfiles.unregister(path)
        cls.addClassCleanup(_remove, path)
        return path


class TrackedTestCase(_Tracked):
    """A `unittest.TestCase` with methods for temporary files, which are removed after each test.

    Files that `createTempFile` and similar methods create are never leaks. Methods with `Class` in
    their name (`createClassTempFile`) are for `setUpClass`.
    """


class TrackedAsyncTestCase(_Tracked, unittest.IsolatedAsyncioTestCase):
    """`TrackedTestCase` for asynchronous tests (`unittest.IsolatedAsyncioTestCase`)."""


@contextmanager
def _opened(test: _Tracked) -> Iterator[None]:
    outer = test._temp_context
    with tempfiles.context(test_id(test)):
        test._temp_context = context = Context.current()
        if "_asyncioTestContext" in test.__dict__:
            # It was copied when the test was created, before this context was the current one.
            test.__dict__["_asyncioTestContext"].run(tempfiles.activate, context)
        try:
            yield
        finally:
            test._temp_context = outer


def _make_tree(tree: Mapping[str, Any]) -> Path:
    made = tempfiles.temp_tree(tree)
    return Path(os.fspath(made))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        tempfiles.remove_directory(path)
    else:
        tempfiles.remove(path)
