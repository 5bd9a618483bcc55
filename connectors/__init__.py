"""Files and feeds of others: pure mappings from a format's rows to input records (contract section 2)."""
