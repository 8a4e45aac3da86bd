"""Household: a small house of stations and things, with a language of arbitrary procedures that is generated from a seed."""

from __future__ import annotations

from environments.household.environment import HouseholdEnvironment, make

__all__ = ["HouseholdEnvironment", "make"]
