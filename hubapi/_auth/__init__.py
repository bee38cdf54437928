"""Which token a request carries."""
