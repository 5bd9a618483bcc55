"""Bank entries: which payout each of them names, or is matched to."""
