"""Opening what commands work on: a library with its embedder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from skilllib.library import SkillLibrary

if TYPE_CHECKING:
    from skilllib.protocols import Embedder


@contextmanager
def reading(
    path: str | Path, embedder: str | None = None, *, finds: bool = False, vectors: str | None = None, create: bool = False
) -> Iterator[SkillLibrary]:
    """Open a library.

    Args:
        path: Its folder, or its server's address.
        embedder: Name of the embedder; by default that of the library's newest run.
        finds: Whether texts will be embedded; if not, no embedder is chosen.
        vectors: Address of a Chroma server that holds the vectors.
        create: Make it if it is missing.
    """
    with SkillLibrary.open(path, create=create) as found:
        if not finds:
            yield found
            return
        name = embedder or last_embedder(found)
    with SkillLibrary.open(path, embedder=chosen(name), vectors=vectors) as opened:
        yield opened


def chosen(name: str | None) -> Embedder:
    """Return the embedder of a name."""
    from skilllib.build import make_embedder

    return make_embedder(name)


def last_embedder(library: SkillLibrary) -> str | None:
    """Return the name of the embedder of the library's newest run; None means the default one."""
    runs = library.runs()
    name = library.run_options(runs[-1]).get("embedder") if runs else None
    return name if isinstance(name, str) else None
