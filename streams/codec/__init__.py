"""Bytes to records and back: framing, schemas, validation, the JSON form, dead letters."""
