"""One `.avsc` a record, documented field by field."""
