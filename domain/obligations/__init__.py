"""Obligations: what is owed, how money is allocated to it, what is late, its breaks and its view."""
