"""Dashboards of Grafana, made by `python -m ops.deploy.grafana.generate` from the panels beside it."""
