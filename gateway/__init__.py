"""Gateways to the reconciled data."""
