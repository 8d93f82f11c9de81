"""The exception that ends the program with a message of one line."""

from __future__ import annotations


class UsageError(Exception):
    """The command line, a settings file or the environment is not valid.

    The message is one line for the user; the program prints it after `tidytest: error: ` and
    exits with status 2.
    """
