"""The operations as people call them: one class per group, thin over the generated endpoints."""
