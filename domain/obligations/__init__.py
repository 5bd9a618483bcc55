"""Obligations: state, totals, adjustments, allocation, lateness, conflicts, breaks and view."""
