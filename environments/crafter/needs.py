"""The player's vital needs."""

from __future__ import annotations

NEEDS: dict[str, int] = {"food": 5, "drink": 5, "energy": 3}
"""Need → the level below which it presses. Health is none: it recovers while these are met."""
