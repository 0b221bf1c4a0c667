"""Makes adapters from ratings: the trainer subprocess and its stages."""
