"""rentmatch."""
