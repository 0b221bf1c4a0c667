"""Tunes the embedded actor: imitation of a scripted player on generated household games."""
