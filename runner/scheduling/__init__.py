"""Cut a suite into units, and decide which worker runs which of them next."""
