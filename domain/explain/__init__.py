"""Explanations of breaks: the timeline of the facts, what is wrong, and the remedies."""
