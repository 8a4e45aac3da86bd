"""`skilllib add`: a person's program becomes a skill, by the same proof as any other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, Again, AsJson, Author, EmbedderName, EnvironmentName, Jobs, LibraryPath, ProofSeed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from skilllib.library import SkillLibrary
    from skilllib.records.base import Json, Scalar
    from skilllib.records.world import EnvironmentSpec

LARGEST = 100_000
"""Bytes of a file that is read."""


def add(  # noqa: PLR0913 - typer reads the options from the signature
    file: Annotated[Path, typer.Argument(help="A file with one function that has typed parameters and a docstring.")],
    library: LibraryPath = DEFAULT_LIBRARY,
    check: Annotated[
        str | None,
        typer.Option("--check", metavar="EXPR", help="What it brings about, over `before`, `after` and its parameters."),
    ] = None,
    goal: Annotated[str, typer.Option("--goal", metavar="WORDS", help="The same in words; else its docstring says it.")] = "",
    arguments: Annotated[
        str, typer.Option("--arguments", metavar="JSON", help="Arguments under which it does; a list of values to try them all.")
    ] = "{}",
    environment: EnvironmentName = None,
    author: Author = "",
    embedder: EmbedderName = None,
    jobs: Jobs = 1,
    seed: ProofSeed = 0,
    again: Again = False,
    as_json: AsJson = False,
) -> None:
    """Add a program that you wrote. It is held against the environment, put on trial, and active once fresh worlds prove it.

    Exit code 1: it stays on trial; the reason is printed.
    """
    from skilllib.build import proving
    from skilllib.cli.handing import proved
    from skilllib.cli.opening import reading
    from skilllib.exchange import Promise, added
    from skilllib.library.quarantine import BY_HAND
    from skilllib.records.program import Program

    program = Program.parse(read_source(file))
    promise = Promise(goal=goal, check=check, arguments=_values(arguments))
    with reading(library, embedder, finds=True, create=True) as opened:
        spec = specification(opened, environment)
        skill = added(opened, program, promise, spec=spec, author=author)
        proposer = author or BY_HAND
        with proving(opened, values=promise.values(), proposer=proposer, jobs=jobs, seed=seed, again=again) as door:
            proved(door, skill, as_json=as_json)


def read_source(file: Path) -> str:
    """Return the text of a file with a program.

    Raises:
        InvalidProgram: It cannot be read, is too long or no text, or holds characters that a reader does not see.
    """
    from skilllib.errors import ImportRefused, InvalidProgram
    from skilllib.exchange.hidden import refuse_hidden

    try:
        with file.open("rb") as stream:
            data = stream.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise InvalidProgram(f"{str(file)!r} is longer than {LARGEST} bytes; a program is one function")
        text = data.decode("utf-8-sig").replace("\r\n", "\n")
        refuse_hidden(text, str(file))
    except OSError as error:
        raise InvalidProgram(f"{str(file)!r} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InvalidProgram(f"{str(file)!r} is no text in UTF-8") from error
    except ImportRefused as error:
        raise InvalidProgram(str(error)) from error
    return text


def specification(library: SkillLibrary, name: str | None, options: Mapping[str, Json] | None = None) -> EnvironmentSpec:
    """Return what an environment declares; by default that of the library's skills, where there is but one.

    Raises:
        InvalidRecord: Nobody says which environment is meant.
        EnvironmentFault: It cannot be made.
    """
    from skilllib.build import make_world
    from skilllib.errors import InvalidRecord

    known = sorted({skill.environment for skill in library.skills() if skill.environment})
    if name is None and len(known) != 1:
        there = f"the library has skills for {', '.join(known)}" if known else "the library is empty"
        raise InvalidRecord(f"say for which environment with --environment; {there}")
    environment = make_world(name or known[0], dict(options or {}))
    try:
        return environment.spec
    finally:
        environment.close()


def _values(text: str) -> dict[str, Scalar | Sequence[Scalar]]:
    from skilllib.errors import InvalidRecord
    from skilllib.records.base import Scalar

    try:
        values = json.loads(text)
    except ValueError as error:
        raise InvalidRecord(f"--arguments {text!r} is no JSON: {error}") from error
    plain = isinstance(values, dict) and all(
        isinstance(value, Scalar) or (isinstance(value, list) and value and all(isinstance(one, Scalar) for one in value))
        for value in values.values()
    )
    if not plain:
        raise InvalidRecord(f'--arguments {text!r} is no object of plain values or lists of them, such as {{"amount": [1, 2]}}')
    return dict(values)
