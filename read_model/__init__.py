"""The read model's own processes: the projector, which keeps it, and its rebuild."""
