"""The whole topology on one machine, without containers: `python -m tools.local up`, which is what `make up` runs.

Tests and benchmarks start their brokers, registries and workers with the same modules.
"""
