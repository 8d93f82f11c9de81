"""Select and order the tests, and record which of them ran to their end."""
