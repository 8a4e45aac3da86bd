"""The awake loop: an agent that proposes itself tasks, writes skills for them and keeps what proved itself."""

from skilllib.agent.agent import Agent, attempt_fields
from skilllib.agent.progress import Progress

__all__ = ["Agent", "Progress", "attempt_fields"]
