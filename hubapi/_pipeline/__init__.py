"""The way of one request, from operation to result. Imports point one way: see CONTRIBUTING."""
