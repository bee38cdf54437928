"""The rate limiter: it decides when the next request may be sent."""
