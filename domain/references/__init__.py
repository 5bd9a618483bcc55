"""References: settlement records without a payment id, who claims them, and who holds them."""
