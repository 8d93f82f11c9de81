"""The leak zoo: every way a file can come to be, in every place, each caught by a real run."""
