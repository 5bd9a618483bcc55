"""A seeded month of rent, with a truth of its own."""
