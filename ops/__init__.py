"""What operators hold: the command line, dashboards, alert rules, scripts."""
