"""A unittest runner that names every temporary file a test leaves behind."""

from .case import TrackedAsyncTestCase, TrackedTestCase
from .program import main
from .result import TidyTestResult
from .runner import TidyTestRunner

__all__ = ["TidyTestResult", "TidyTestRunner", "TrackedAsyncTestCase", "TrackedTestCase", "main"]

