"""The worlds an agent can act in."""
