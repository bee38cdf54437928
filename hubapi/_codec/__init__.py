"""Encode operations as HTTP requests, and decode responses into results and errors."""
