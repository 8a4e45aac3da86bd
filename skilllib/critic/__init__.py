"""Critics give advice in words for the next attempt; never a verdict."""

from skilllib.critic.feedback import FeedbackCritic, VerdictCritic
from skilllib.critic.model import ModelCritic

__all__ = ["FeedbackCritic", "ModelCritic", "VerdictCritic"]
