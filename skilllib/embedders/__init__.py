"""Texts → unit vectors. Importing this package loads no model and no torch."""

from skilllib.embedders.hashing import HashingEmbedder
from skilllib.embedders.minilm import MiniLMEmbedder

__all__ = ["HashingEmbedder", "MiniLMEmbedder"]
