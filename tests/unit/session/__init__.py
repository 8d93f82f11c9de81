"""`tempfiles.run`."""
