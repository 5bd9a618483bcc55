"""Tools for working on rentmatch: they are not part of the service."""
