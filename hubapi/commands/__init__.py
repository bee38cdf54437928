"""What the command `hubapi` does, one module a command, and what they share. It needs the extra `cli`."""
