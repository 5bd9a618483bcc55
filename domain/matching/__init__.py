"""Match groups: the entries and payouts of one account, currency and amount that nothing else brings together."""
