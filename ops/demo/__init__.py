"""The parts of `rentmatch demo`: a broker, a worker, what came out of it, the judgement, and how it is shown."""
