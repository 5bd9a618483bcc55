"""What people want, checked against what is known: the fact to write, or the reason why not."""
