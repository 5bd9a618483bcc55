"""All of rentmatch on one machine, without containers: `python -m tools.local up`, which `make up` runs.

Tests and benchmarks start their brokers, registries and workers with the same modules.
"""
