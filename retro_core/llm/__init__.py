"""Clients of language model endpoints."""
