"""Curricula choose the next task."""
