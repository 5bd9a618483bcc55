"""Breaks: the classes of disagreement, and what they have in common."""
