"""The commands of `hubapi`, and what they share. They need the extra `cli`."""
