"""Pages of the adapter registry."""
