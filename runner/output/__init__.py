"""Records into words and colours."""
