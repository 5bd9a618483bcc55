"""The programs that `python -m benchmarks versus` measures, each described as a `Peer`."""
