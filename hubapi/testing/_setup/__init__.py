"""The state of a fake Docker Hub, and the methods by which tests fill and read it. Knows nothing of HTTP."""
