"""Checked rows on their way into the database, a table a module."""
