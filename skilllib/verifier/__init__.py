"""Verdicts: the task's check decides, on facts recorded on our side."""
