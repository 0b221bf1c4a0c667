"""Prompt texts, one folder per environment, and the few functions that fill them."""
