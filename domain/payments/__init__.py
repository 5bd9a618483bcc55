"""Payments: what is known of each, its totals, its breaks and its view."""
