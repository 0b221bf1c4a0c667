"""Prompt texts, and the few functions that fill them."""
