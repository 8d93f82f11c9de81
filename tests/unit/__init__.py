"""One package or module at a time; the folders are those of the product."""
