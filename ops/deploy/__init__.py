"""What is deployed beside the workers: Grafana, Prometheus, MongoDB, nginx."""
