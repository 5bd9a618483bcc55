"""What runs rentmatch and its surroundings on one machine, without containers."""
