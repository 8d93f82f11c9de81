"""`tempfiles.api`."""
