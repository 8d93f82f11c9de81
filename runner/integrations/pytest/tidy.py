"""What the pytest fixture `tidy` gives a test: the methods of `TrackedTestCase` by other names."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import tempfiles
from tempfiles import Context, Run

__tracebackhide__ = True  # pytest shows the line of the test instead


class Tidy:
    """Creates files and directories that are removed after the test, whatever its outcome.

    They are never leaks. The paths are new ones in the temp directory.
    """

    def create_file(self, content: str | bytes = "", extension: str = "tmp") -> Path:
        """Create a file and return its path.

        Args:
            content: text (written as UTF-8) or bytes.
            extension: the end of its name, with or without its dot.

        Raises:
            TempFilesError: see `tempfiles.create_with_content`.
        """
        return tempfiles.create_with_content(content, extension)

    def create_directory(self) -> Path:
        """Create an empty directory; it is removed with its contents."""
        return tempfiles.create_temp_directory()

    def create_tree(self, tree: Mapping[str, Any]) -> Path:
        """Create a directory tree from a dictionary (see `tempfiles.temp_tree`)."""
        return Path(os.fspath(tempfiles.temp_tree(tree)))

    def register(self, path: str | os.PathLike[str]) -> Path:
        """Have a file or directory removed after the test; return its absolute path."""
        if os.path.isdir(path) and not os.path.islink(path):
            return tempfiles.register_directory(path)
        return tempfiles.register_file(path)

    def assert_tree(self, path: str | os.PathLike[str], expected: Mapping[str, Any]) -> None:
        """Fail with a diff if a directory differs from a dictionary."""
        __tracebackhide__ = True
        tempfiles.assert_tree(path, expected)

    def assert_no_leaks(self) -> None:
        """Fail if a file exists that this test created and did not register."""
        __tracebackhide__ = True
        left = tempfiles.paths_left(Context.current())
        if left:
            listed = "\n".join(f"  {path}" for path in left)
            raise AssertionError(f"{len(left)} left and not registered:\n{listed}")


@contextlib.contextmanager
def opened(id: str) -> Iterator[None]:
    """Open a context where no run does, as with `--leaks off` in a session without a run."""
    if Run.current() is not None and Context.current().scope != "run":
        yield
        return
    with tempfiles.context(id), tempfiles.observed():
        yield
