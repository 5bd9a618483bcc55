"""The read model in MongoDB: the projector and the rebuild, which write it, and its queries."""
