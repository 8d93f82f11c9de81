"""A unittest runner that names every temporary file a test leaves behind."""
