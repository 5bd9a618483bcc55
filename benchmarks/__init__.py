"""The cost of rentmatch, measured on a real Kafka: `python -m benchmarks --help`."""
