"""What an event tells: its path, its line of code, the reports of child processes."""
