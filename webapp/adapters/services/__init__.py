"""Registering adapters, promoting them, and measuring them beside the frozen model."""
