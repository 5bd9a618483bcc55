"""Payouts: the settlement records in them, what the processor reports of them, and what is on the bank account."""
