"""Real parts for tests: a Kafka cluster, a schema registry and worker processes on this machine."""
