"""Record all that a run knows in a file as it goes, and read records again."""
