"""Skills travel: SKILL.md folders, JSON lines, tools for a model, stubs for an editor. What comes in is quarantined."""

from skilllib.exchange.backlog import activate_all, waiting
from skilllib.exchange.byhand import Promise, added, edited
from skilllib.exchange.exporting import FORMATS, export
from skilllib.exchange.importing import Imported, Refused, Taken, take_in
from skilllib.exchange.proving import Activation, Proving
from skilllib.exchange.staying import staying

__all__ = [
    "FORMATS",
    "Activation",
    "Imported",
    "Promise",
    "Proving",
    "Refused",
    "Taken",
    "activate_all",
    "added",
    "edited",
    "export",
    "staying",
    "take_in",
    "waiting",
]
