"""What leaves Kafka: the read model and the metrics."""
