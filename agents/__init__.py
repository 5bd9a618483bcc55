"""One small file a verb: receive, learn, derive, emit."""
