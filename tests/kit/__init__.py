"""What only tests need of the world outside: its variables, a worker with a fault in it, a reader of whole topics."""
