"""Long campaigns, each a program of its own: torture, zoo, parity."""
