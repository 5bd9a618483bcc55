"""The exactly-once transport: batches in, transactions out. It does not know what records mean."""
