"""`tempfiles.recovery`."""
