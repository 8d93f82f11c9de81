"""What runs on a machine of a cluster: the engine's task, the process with the tests."""
