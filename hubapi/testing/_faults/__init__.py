"""The faults that can be injected, and their injection. `hubapi.testing.faults` is their public list."""
