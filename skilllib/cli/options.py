"""Options that several commands have, written once."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Annotated
from urllib.parse import unquote, urlsplit

import typer

if TYPE_CHECKING:
    from skilllib.records.base import Json


def without_password(place: str | None) -> str | None:
    """Return an address without its password, which goes where PostgreSQL's own programs look for it.

    So it is printed and stored nowhere.
    """
    if place is None or "://" not in place or (password := (parts := urlsplit(place)).password) is None:
        return place
    os.environ["PGPASSWORD"] = unquote(password)
    user, _, host = parts.netloc.rpartition("@")
    return parts._replace(netloc=f"{user.partition(':')[0]}@{host}").geturl()


AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON value on stdout and nothing else there.")]
LibraryPath = Annotated[
    str,
    typer.Option(
        "--library", "-l", metavar="PLACE", callback=without_password, help="Folder of the library, or postgresql://USER@HOST/NAME."
    ),
]
Vectors = Annotated[
    str | None,
    typer.Option(
        "--vectors",
        metavar="URL",
        envvar="SKILLLIB_VECTORS",
        help="A Chroma server that holds the vectors, http://HOST:PORT; without one they are searched on this machine.",
    ),
]
EmbedderName = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        metavar="MODEL",
        help="A sentence-transformers model or its folder, or `hashing` (no weights; by letters, not by meaning). "
        "By default the one the library was last learned with.",
    ),
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Processes that execute skills; results do not depend on it.")]
EnvironmentOption = Annotated[
    list[str] | None,
    typer.Option("--environment-option", "-O", metavar="KEY=VALUE", help="An option of the environment itself; may be repeated."),
]
KeepCallers = Annotated[
    list[str] | None,
    typer.Option("--keep", metavar="CALLER", help="A caller that goes on with the version it calls now; may be repeated."),
]
ProofSeed = Annotated[
    int,
    typer.Option("--seed", "-s", min=0, metavar="N", help="The fresh worlds of a proof follow from it."),
]
Again = Annotated[bool, typer.Option("--again", help="Prove also what was rejected before; else the old reason is given.")]
Author = Annotated[str, typer.Option("--author", metavar="NAME", help="Who wants it, for the ledger.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the ledger.")]
EnvironmentName = Annotated[
    str | None,
    typer.Option(
        "--environment", "-e", metavar="NAME", help="The environment; by default the one that the library's skills are for."
    ),
]

DEFAULT_LIBRARY = "skill-library"


def pairs(given: list[str] | None, what: str) -> dict[str, str]:
    """Return `key=value` texts as a dictionary.

    Raises:
        InvalidRecord: One of them has another form, or a key comes twice.
    """
    from skilllib.errors import InvalidRecord

    found: dict[str, str] = {}
    for text in given or []:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise InvalidRecord(f"{what} {text!r} does not read as key=value")
        if key in found:
            raise InvalidRecord(f"{what} {key!r} is given twice: {found[key]!r} and {value!r}")
        found[key] = value
    return found


def json_pairs(given: list[str] | None, what: str) -> dict[str, Json]:
    """Return `key=value` texts as a dictionary of JSON values; what is not JSON is a string."""
    return {key: _json_or_text(value) for key, value in pairs(given, what).items()}


def _json_or_text(text: str) -> Json:
    try:
        return json.loads(text)
    except ValueError:
        return text
