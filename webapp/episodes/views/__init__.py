"""What the pages of episodes, steps and reflections choose to show."""
