"""Resolves references: gives settlement records without a payment id to the payment that holds their reference."""
