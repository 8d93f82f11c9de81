"""What runs in a worker process: the tests, the events and the channel to the parent."""
