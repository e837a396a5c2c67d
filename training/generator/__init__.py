"""Writes the training corpus. Nothing here may import `training.evaluation`."""
