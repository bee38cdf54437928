"""Walks over pages."""
