"""Training: schedules and parameter groups, checkpoints, the loop."""
