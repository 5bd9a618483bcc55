"""The broker edge: topics, framing, decoding and encoding, dead letters, and the exactly-once transport."""
