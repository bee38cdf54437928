"""One call, from operation to result."""
