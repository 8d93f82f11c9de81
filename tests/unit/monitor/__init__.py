"""`tempfiles.monitor`."""
