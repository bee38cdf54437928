"""The path of a request through a fake Docker Hub: received, routed, authenticated, limited, delivered, logged."""
