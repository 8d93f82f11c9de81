"""`python -m runner`, and the console script `tidytest`."""

from __future__ import annotations

import gc
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def main() -> None:
    """Run `tidytest`: as `python -m runner`, but the user's own modules of our names come first."""
    from . import shadowing

    cwd = os.getcwd()
    if not sys.flags.safe_path:
        # In a script this is the directory of the script, with `-m` the working directory.
        sys.path[0] = cwd
    directories = shadowing.places(cwd, sys.argv[1:])
    _refuse_tempfiles(shadowing.shadowed("tempfiles", directories))
    program: Any
    if shadowing.shadowed("runner", directories) is not None:
        program = shadowing.step_aside()
    else:
        program = _imported()
    program.main(name="tidytest")


def _run_as_module() -> None:
    from . import shadowing

    if not sys.flags.safe_path:
        _refuse_tempfiles(shadowing.shadowed("tempfiles", [os.getcwd()]))
    _imported().main()


def _imported() -> Any:
    """Import the program, and unittest with it, without looking for garbage: there is none."""
    collects = gc.isenabled()
    gc.disable()
    from . import program

    if collects:
        gc.enable()
    return program


def _refuse_tempfiles(path: str | None) -> None:
    if path is not None:
        print(
            f"tidytest: error: {os.path.relpath(path)} hides the package `tempfiles` that tidytest"
            " brings: give it another name",
            file=sys.stderr,
        )
        sys.exit(2)


if __name__ == "__main__":
    _run_as_module()
