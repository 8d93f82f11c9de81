"""One tracked run: open it, close its contexts, finish it."""
