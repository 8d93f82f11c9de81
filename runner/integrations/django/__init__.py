"""Django's test runner with leak reports."""

from .discover_runner import TidyDiscoverRunner

__all__ = ["TidyDiscoverRunner"]
