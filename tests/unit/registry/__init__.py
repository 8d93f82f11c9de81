"""`tempfiles.registry`."""
