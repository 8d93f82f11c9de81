"""unittest's adapter onto the session."""
