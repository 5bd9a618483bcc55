"""The HTTP API: operations, their handlers, limits, and the forwarding of live queries (docs/http-api.md)."""
