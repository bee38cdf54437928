"""The rate limiter, which decides when the next request may be sent."""
