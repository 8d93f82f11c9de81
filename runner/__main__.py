"""The entry points: `python -m runner`, and the console script `tidytest`."""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Iterator
from typing import Any


def main() -> None:
    """Run `tidytest`: as `python -m runner`, but a user's own package `runner` hides this one."""
    from .cli import shadowing

    cwd = os.getcwd()
    if not sys.flags.safe_path:
        # In a script this is the directory of the script, with `-m` the working directory.
        sys.path[0] = cwd
    with _without_collecting():
        directories = [cwd, *_directories()]
        program: Any
        users = shadowing.shadowed("runner", directories)
        if users is not None:
            name = os.path.relpath(users)
            sys.stderr.write(
                f"tidytest: the tests import {name} as `runner`; `python -m runner` would run it\n"
            )
            program = shadowing.step_aside("cli.main")
        else:
            from .cli import main as program
    program.main(name="tidytest")


def _run_as_module() -> None:
    with _without_collecting():
        _directories()
        from .cli import main as program
    program.main()


def _directories() -> list[str]:
    """Return the directories that the tests import from first; refuse a `tempfiles` there."""
    from .cli import shadowing

    before = shadowing.before_ours()
    _refuse_tempfiles(shadowing.shadowed("tempfiles", before))  # our own is not imported yet
    more = shadowing.discovered(sys.argv[1:])
    _refuse_tempfiles(shadowing.shadowed("tempfiles", more))
    return [*before, *more]


@contextlib.contextmanager
def _without_collecting() -> Iterator[None]:
    """Switch the garbage collector off while the program is imported: there is no garbage yet."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


def _refuse_tempfiles(path: str | None) -> None:
    if path is not None:
        print(
            f"tidytest: error: {os.path.relpath(path)} hides the package `tempfiles`: rename it",
            file=sys.stderr,
        )
        sys.exit(2)


if __name__ == "__main__":
    _run_as_module()
