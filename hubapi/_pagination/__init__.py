"""Iteration over listings that come in pages."""
