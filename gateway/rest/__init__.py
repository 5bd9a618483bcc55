"""Questions over HTTP: the table of routes, what guards them, how they are answered (docs/http-api.md)."""
