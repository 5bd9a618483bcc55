"""The Avro schemas of what goes in and what comes out."""
