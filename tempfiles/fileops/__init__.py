"""Remove, copy, measure and identify files; knows no context."""
