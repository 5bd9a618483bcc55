"""What is remembered between events: the tables, their changelog codec, stores and deadlines."""
