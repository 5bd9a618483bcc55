"""Where `rentmatch exceptions` gets breaks from, and how it shows them."""
