"""Receives Stripe's webhooks: a process of its own, which answers only when Kafka has the records."""
