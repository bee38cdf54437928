"""The groups of a hub, such as `hub.access_tokens`: one class a module, thin over the generated endpoints."""
