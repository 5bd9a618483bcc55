"""Imports the files that arrive in a directory, each once."""
