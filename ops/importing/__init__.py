"""Imports files: reads and checks all of one first, then publishes it through the checked producer."""
