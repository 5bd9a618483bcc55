"""Payments: state, totals, breaks and view."""
