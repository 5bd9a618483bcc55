"""The parts of `rentmatch demo`: the deployment, the reader of its outputs, the comparison, the report."""
