"""Starts and stops the embedded services."""
