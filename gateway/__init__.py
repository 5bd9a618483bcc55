"""HTTP: questions and answers."""
