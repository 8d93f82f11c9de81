"""The one exception that ends the program with a line of its own."""

from __future__ import annotations


class UsageError(Exception):
    """The command line, a settings file or the environment asks for what cannot be.

    The message is one line for the user; the program prints it after `tidytest: error: ` and
    exits with status 2.
    """
