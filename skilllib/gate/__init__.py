"""Decisions: evidence in, promote, reject or need more out."""
