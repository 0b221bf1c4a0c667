"""Freezing the replay buffer, launching training runs, and moving them from state to state."""
