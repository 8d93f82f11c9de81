"""`python -m tempfiles`: look at, clean and watch what runs leave in the temp directory."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from . import __version__
from .commands import FAILED, Parser, clean, monitor, status


def main(argv: Sequence[str] | None = None) -> int:
    """Run one sub-command and return its exit code.

    `argv` is the command line without the program (default: the process's own). A bad one ends
    the process with 2, by `SystemExit`.
    """
    parser = Parser(prog="python -m tempfiles", description=__doc__, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"tempfiles {__version__}")
    subparsers = parser.add_subparsers(metavar="{status,clean,monitor}", required=True)
    for command in (status, clean, monitor):
        command.add_parser(subparsers)
    args = parser.parse_args(argv)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader closed the pipe: the interpreter would report that when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code


if __name__ == "__main__":
    sys.exit(main())
