"""A year of rent replayed through one worker: python -m benchmarks replay."""
