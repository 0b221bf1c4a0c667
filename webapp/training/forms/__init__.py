"""What people enter: queries of the replay buffer, launches, pipelines."""
