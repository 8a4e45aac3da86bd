"""The skill library: what is kept, found again, and let go."""

from skilllib.library.chroma import ChromaIndex
from skilllib.library.index import ExactIndex
from skilllib.library.library import SkillLibrary
from skilllib.library.lock import WriterLock
from skilllib.library.text import indexed_text

__all__ = ["ChromaIndex", "ExactIndex", "SkillLibrary", "WriterLock", "indexed_text"]
