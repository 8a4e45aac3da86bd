"""Public doubles of the seams, a toy world, and the contract of environments as a check.

Bakery, make_bakery   a small world to try agents on, unlike any shipped one
ScriptedWriter        a writer that hands over given drafts
ScriptedModel         a language model that says given lines
HashingEmbedder       an embedder without a model
check_environment     checks that an environment keeps its contract
"""

from skilllib.embedders.hashing import HashingEmbedder
from skilllib.models.scripted import ScriptedModel
from skilllib.testing.bakery import Bakery, make_bakery
from skilllib.testing.contract import check_environment
from skilllib.testing.scripted import ScriptedWriter

__all__ = ["Bakery", "HashingEmbedder", "ScriptedModel", "ScriptedWriter", "check_environment", "make_bakery"]
