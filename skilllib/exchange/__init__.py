"""Skills travel: SKILL.md folders, JSON lines, tools for a model, stubs for an editor. What comes in is quarantined."""

from skilllib.exchange.exporting import FORMATS, Format, export
from skilllib.exchange.importing import Imported, Refused, Taken, take_in

__all__ = ["FORMATS", "Format", "Imported", "Refused", "Taken", "export", "take_in"]
