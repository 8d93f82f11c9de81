"""Advise the user where to begin with many leaks, and which line of code prevents each."""

from .where_to_begin import WorstLine, advice, worst_lines

__all__ = ["WorstLine", "advice", "worst_lines"]
