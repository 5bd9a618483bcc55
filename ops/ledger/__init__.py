"""A reader of a ledger as a process: its health pages and metrics."""
