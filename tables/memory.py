"""How much memory the facts take that wait for the next commit, by estimate.

Counted over the facts of a simulated month, with every object that they refer to.
"""

FACT_BYTES = 800
"""About what a fact takes."""

KEY_BYTES = 250
"""About what a key takes that has facts waiting: its id, its list, and its place in the table."""
