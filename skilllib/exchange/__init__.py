"""Skills travel: SKILL.md folders, JSON lines, tools for a model, stubs for an editor. What comes in is quarantined."""

from skilllib.exchange.exporting import FORMATS, Format, export
from skilllib.exchange.importing import Imported, Refused, Taken, take_in
from skilllib.exchange.proving import Activation, activate

__all__ = ["FORMATS", "Activation", "Format", "Imported", "Refused", "Taken", "activate", "export", "take_in"]
