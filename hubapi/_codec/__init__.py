"""Values to bytes, and bytes to values."""
