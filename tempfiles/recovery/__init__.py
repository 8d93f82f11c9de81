"""Remove what dead runs left, and rescue what was the user's."""
