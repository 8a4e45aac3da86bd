"""The corpus of a hypernetwork: the active skills of a library, or datasets in files."""

from __future__ import annotations

import logging
from pathlib import Path

from skilllib.build.compiling import Workshop, cache_of
from skilllib.compiler.dataset import examples
from skilllib.compiler.hypernet_corpus import CorpusSkill, grouped, read_corpus
from skilllib.errors import CompilerFailed
from skilllib.library import SkillLibrary
from skilllib.library.database import FILE
from skilllib.protocols import Recorder

log = logging.getLogger(__name__)


def corpus(path: Path, *, progress: Recorder | None = None) -> list[CorpusSkill]:
    """Return the skills of a library, whose kept tests are played through, of a dataset, or of a folder of datasets.

    Raises:
        InvalidRecord: There is nothing, or it cannot be read.
    """
    if not (path / FILE).is_file():
        return read_corpus(path)
    with SkillLibrary.open(path) as library, Workshop(library, cache_of(library)) as workshop:
        return of_library(library, workshop, progress=progress)


def of_library(library: SkillLibrary, workshop: Workshop, *, progress: Recorder | None = None) -> list[CorpusSkill]:
    """Return the active skills of a library; those of too few tests that can be played through are left out, with a warning."""
    found = []
    for skill in library.skills("active"):
        try:
            found += grouped(examples(workshop.text(skill), workshop.rehearsals(skill, progress)))
        except CompilerFailed as error:
            log.warning("%s is left out of the corpus: %s", skill.name, error)
    return found
