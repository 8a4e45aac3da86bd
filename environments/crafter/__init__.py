"""Crafter: a small open world of gathering, crafting and surviving, seen through a 9x7 window."""

from __future__ import annotations

from environments.crafter.environment import CrafterEnvironment, make

__all__ = ["CrafterEnvironment", "make"]
