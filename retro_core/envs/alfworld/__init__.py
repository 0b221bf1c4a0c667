"""Household games in AlfWorld's format, played natively in Python."""

from retro_core.envs.alfworld.env import ENVIRONMENT, AlfworldEnv

__all__ = ["ENVIRONMENT", "AlfworldEnv"]
