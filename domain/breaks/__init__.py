"""Breaks: the catalogue of their classes, and what all of them have in common."""
