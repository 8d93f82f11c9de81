"""`tempfiles.detection`."""
