"""Checkpoints of a training run that survive a process killed at any moment."""

import os

import torch


def save_checkpoint(path, state):
    """Writes beside the old one, waits for the disk, then takes its place; the one before is kept."""
    temporary, previous = path.with_suffix(".tmp"), path.with_suffix(".previous")
    with open(temporary, "wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    if path.exists():
        path.replace(previous)
    temporary.replace(path)


def load_checkpoint(path):
    """The last whole checkpoint, or None."""
    for candidate in (path, path.with_suffix(".previous")):
        if candidate.exists():
            return torch.load(candidate, map_location="cpu")
    return None
