"""`tempfiles.fileops`."""
