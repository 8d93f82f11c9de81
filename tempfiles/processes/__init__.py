"""The processes of each context: how they start, which run on, and when they end."""
