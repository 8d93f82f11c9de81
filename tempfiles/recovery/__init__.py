"""Remove what dead runs left, rescue the user's files from it, and manage kept files."""
