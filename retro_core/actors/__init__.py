"""The frozen models that act."""
