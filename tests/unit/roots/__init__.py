"""`tempfiles.roots`."""
