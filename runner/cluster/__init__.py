"""Hand out chunks of tests to the machines of a cluster, and take what they bring."""
