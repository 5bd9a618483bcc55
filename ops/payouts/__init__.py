"""Payouts on the command line: their sources, what they are made of, and how they are shown."""
