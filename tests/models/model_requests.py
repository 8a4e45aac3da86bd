"""Requests for the tests of models."""

from __future__ import annotations

from skilllib.records.model import Message, Purpose, Request


def request(text: str = "What now?", *, purpose: Purpose = "write", prompt: str = "p1", max_tokens: int = 100) -> Request:
    return Request(purpose=purpose, prompt=prompt, messages=(Message(role="user", content=text),), max_tokens=max_tokens)
