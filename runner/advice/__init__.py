"""Advise the user where to begin with many leaks, and which line of code prevents each."""

from .where_to_begin import advice

__all__ = ["advice"]
