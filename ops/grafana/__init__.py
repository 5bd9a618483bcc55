"""Dashboards of Grafana, made by `python -m ops.grafana.generate` from the panels that stand beside it."""
