"""Obligations: state, totals, allocation, lateness, breaks and view."""
