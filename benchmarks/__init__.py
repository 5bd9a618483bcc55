"""What rentmatch costs, measured on a real Kafka: `python -m benchmarks --help`."""
