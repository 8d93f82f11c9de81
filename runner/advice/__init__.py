"""Where to begin with many leaks, and a line of code to paste for each."""

from .where_to_begin import advice

__all__ = ["advice"]
