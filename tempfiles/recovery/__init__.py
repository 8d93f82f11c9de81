"""Remove what a dead run left, and rescue what was the user's."""
