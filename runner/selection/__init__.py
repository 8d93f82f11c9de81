"""Which tests run, in which order."""
