"""Turn what was observed and what lies on disk into leaks."""
