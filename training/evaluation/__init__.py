"""Measures the trained model on wordings that the generator never saw."""
