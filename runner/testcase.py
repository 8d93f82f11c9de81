"""Test cases that make temporary files which are removed for them, under any runner.

Under this package's runner their files belong to the test's context, which the runner opens.
Elsewhere (`python -m unittest`, pytest) nothing is patched, and these classes open it themselves.
"""

from __future__ import annotations

import os
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tempfiles
from tempfiles.registry import contexts, registrations
from tempfiles.registry.contexts import Context
from tempfiles.run import so_far

from .session import retention
from .unittest_api import test_id

__unittest = True

Content = str | bytes
StrPath = str | os.PathLike[str]


class _Tracked(unittest.TestCase):
    """What `TrackedTestCase` and `TrackedAsyncTestCase` share."""

    _temp_context: Context | None = None

    def run(self, result: Any = None) -> Any:
        """Run the test in a temp context of its own; what it registered is removed after it."""
        if getattr(unittest.TestCase.run, "opens_context", False):
            return super().run(result)
        with _opened(self), so_far.observed():
            return super().run(result)

    @property
    def tempContext(self) -> str:
        """The id of the context that owns what this test registers, which is `TestCase.id()`."""
        return self._temp_context.id if self._temp_context is not None else contexts.current().id

    def createTempFile(self, content: Content = "", extension: str = "tmp") -> Path:
        """Make a file with this content; it is removed when the test is over.

        See `tempfiles.create_with_content` for what it raises.
        """
        return tempfiles.create_with_content(content, extension)

    def createTempDirectory(self) -> Path:
        """Make an empty directory; it is removed, with all in it, when the test is over."""
        return tempfiles.create_temp_directory()

    def createTempTree(self, tree: Mapping[str, Any]) -> Path:
        """Make a directory with what a dictionary says (see `tempfiles.temp_tree`)."""
        return _make_tree(tree)

    def registerTempFile(self, path: StrPath) -> Path:
        """Have a file removed when the test is over; return its absolute path."""
        return tempfiles.register_file(path)

    def registerTempDirectory(self, path: StrPath) -> Path:
        """Have a directory removed, with all in it, when the test is over; return it absolute."""
        return tempfiles.register_directory(path)

    def artifactPath(self, name: str) -> Path:
        """Return a path for something that is to be kept whatever the outcome, a log or a picture.

        It lies in a directory of this test, in that of `--keep-dir` or else in the system's temp
        directory; nothing is made there but the directories on the way. Elsewhere than under this
        package's runner the environment (`TIDYTEST_KEEP_DIR`) and the settings file say so.

        Args:
            name: a file name, or a relative path.

        Raises:
            InvalidNameError: the name is empty or has NUL in it.
            EscapeError: it leads out of the test's directory.
            UsageError: the settings are wrong, or nothing can be kept in the directory they name.
            OSError: the directories on the way cannot be made.
        """
        return retention.artifact(self._temp_context or contexts.current(), name)

    def assertTreeEqual(self, path: StrPath, expected: Mapping[str, Any]) -> None:
        """Fail, with a diff, if a directory does not hold exactly what a dictionary says."""
        tempfiles.assert_tree(path, expected)

    def assertNoLeaks(self) -> None:
        """Fail if something exists now that this test made and did not register."""
        context = self._temp_context or contexts.current()
        left = so_far.paths_left(context)
        if left:
            listed = "\n".join(f"  {path}" for path in left)
            raise self.failureException(f"{len(left)} left and not registered:\n{listed}")

    @classmethod
    def createClassTempFile(cls, content: Content = "", extension: str = "tmp") -> Path:
        """Make a file for `setUpClass`; it is removed after the class and its cleanups."""
        return cls._for_class(tempfiles.create_with_content(content, extension))

    @classmethod
    def createClassTempDirectory(cls) -> Path:
        """Make a directory for `setUpClass`; it is removed after the class and its cleanups."""
        return cls._for_class(tempfiles.create_temp_directory())

    @classmethod
    def createClassTempTree(cls, tree: Mapping[str, Any]) -> Path:
        """Make a directory with what a dictionary says, for `setUpClass`."""
        return cls._for_class(_make_tree(tree))

    @classmethod
    def registerClassTempFile(cls, path: StrPath) -> Path:
        """Have a file removed after the class and its cleanups; return its absolute path."""
        return cls._for_class(tempfiles.register_file(path))

    @classmethod
    def registerClassTempDirectory(cls, path: StrPath) -> Path:
        """Have a directory removed after the class and its cleanups; return it absolute."""
        return cls._for_class(tempfiles.register_directory(path))

    @classmethod
    def _for_class(cls, path: Path) -> Path:
        """Give a registered path to the class's context, or to its cleanups where it has none."""
        context: Context | None = contexts.current()
        while context is not None and context.scope != "class":
            context = context.parent
        if context is not None:
            directory = path.is_dir() and not path.is_symlink()
            registrations.register(str(path), directory=directory, context=context)
        else:
            registrations.unregister(str(path))
            cls.addClassCleanup(_remove, path)
        return path


class TrackedTestCase(_Tracked):
    """A `unittest.TestCase` whose temporary files are removed for it, under any runner.

    What it makes with `createTempFile` and its like never is a leak. Methods named for the class
    (`createClassTempFile`) are for `setUpClass`.
    """


class TrackedAsyncTestCase(_Tracked, unittest.IsolatedAsyncioTestCase):
    """`TrackedTestCase` for asynchronous tests (`unittest.IsolatedAsyncioTestCase`)."""


@contextmanager
def _opened(test: _Tracked) -> Iterator[None]:
    outer = test._temp_context
    with tempfiles.context(test_id(test)):
        test._temp_context = context = contexts.current()
        if "_asyncioTestContext" in test.__dict__:
            # It was copied when the test was made, before this context was the current one.
            test.__dict__["_asyncioTestContext"].run(contexts.activate, context)
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
