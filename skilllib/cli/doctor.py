"""`skilllib doctor`: is everything sound, here and in the library?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from skilllib.cli.options import DEFAULT_LIBRARY, AsJson, EmbedderName, LibraryPath, Vectors

if TYPE_CHECKING:
    from rich.console import Console

PACKAGES = (
    "pydantic",
    "pydantic-monty",
    "sqlalchemy",
    "chromadb",
    "sentence-transformers",
    "torch",
    "litellm",
    "crafter",
    "rich",
    "typer",
)


def doctor(
    library: LibraryPath = DEFAULT_LIBRARY,
    repair: Annotated[bool, typer.Option("--repair", help="Rebuild what is derived: vectors and index.")] = False,
    embedder: EmbedderName = None,
    vectors: Vectors = None,
    as_json: AsJson = False,
) -> None:
    """Examine the installation and, if there is one, the library.

    Exit code 1: something is wrong.
    """
    from skilllib.cli.output import emit, policy_note, stdout

    checks = list(_installation(embedder))
    policy, problems = _examined(library, embedder, vectors, repair=repair)
    found = [] if problems is None else [{"kind": p.kind, "message": p.message, "repairable": p.repairable} for p in problems]
    sound = all(check["ok"] for check in checks) and not found
    if as_json:
        exists = problems is not None
        where = str(library) if exists else None
        emit({"sound": sound, "installation": checks, "library": where, "policy": policy, "problems": found})
    else:
        _print(stdout(), checks, f"{str(library)!r}{policy_note(policy)}", None if problems is None else found)
    if not sound:
        raise typer.Exit(1)


def _installation(embedder: str | None) -> Iterator[dict[str, Any]]:
    import platform
    import sys
    from importlib.metadata import PackageNotFoundError, version

    from skilllib import __version__

    yield _check("skilllib", True, __version__)
    yield _check("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.platform()}")
    for package in PACKAGES:
        try:
            yield _check(package, True, version(package))
        except PackageNotFoundError:
            yield _check(package, False, f"not installed; pip install {package}")
    yield _weights(embedder)
    yield from _environments()
    yield _sandbox()


def _check(name: str, ok: bool, found: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "found": found}


def _weights(embedder: str | None) -> dict[str, Any]:
    from skilllib.cli.opening import chosen
    from skilllib.errors import SkillLibError

    try:
        made = chosen(embedder)
        where = getattr(made, "folder", type(made).__name__)
    except SkillLibError as error:
        return _check("embedding weights", False, str(error))
    return _check("embedding weights", True, str(where))


def _environments() -> Iterator[dict[str, Any]]:
    from skilllib.errors import SkillLibError
    from skilllib.registry import environments, make_environment

    for name in environments():
        try:
            environment = make_environment(name)
            count = len(environment.spec.primitives)
            environment.close()
            yield _check(f"environment {name}", True, f"{count} primitives")
        except SkillLibError as error:
            yield _check(f"environment {name}", False, str(error))


def _sandbox() -> dict[str, Any]:
    from skilllib.build import make_sandbox
    from skilllib.cli.idle import IdleEnvironment
    from skilllib.errors import SkillLibError
    from skilllib.records.execution import Limits
    from skilllib.records.program import Program

    sandbox = make_sandbox()
    program = Program.parse('def add() -> int:\n    """Add."""\n    return 40 + 2\n')
    try:
        execution = sandbox.run(program, arguments={}, closure=(), calls={}, environment=IdleEnvironment(), limits=Limits())
    except SkillLibError as error:
        return _check("sandbox", False, str(error))
    finally:
        getattr(sandbox, "close", lambda: None)()
    return _check(
        "sandbox",
        execution.value == 42,
        f"{type(sandbox).__name__} runs programs" if execution.value == 42 else str(execution.error),
    )


def _examined(path: str, embedder: str | None, vectors: str | None, *, repair: bool) -> tuple[str | None, list[Any] | None]:
    """Return the library's policy and its problems, or None twice if there is no library at the default place."""
    from skilllib.cli.opening import reading
    from skilllib.errors import LibraryNotFound

    try:
        with reading(path, embedder, finds=True, vectors=vectors) as opened:
            return opened.policy, opened.repair() if repair else opened.problems()
    except LibraryNotFound:
        if path != DEFAULT_LIBRARY or repair:
            raise
        return None, None


def _print(console: Console, checks: list[dict[str, Any]], library: str, problems: list[dict[str, Any]] | None) -> None:
    from rich.text import Text

    from skilllib.cli.output import table

    rows = table("", "installation", "found")
    for check in checks:
        rows.add_row(Text("✓", style="green") if check["ok"] else Text("✗", style="bold red"), check["name"], check["found"])
    console.print(rows)
    if problems is None:
        console.print(f"\nno library at {library}; `skilllib learn` makes one")
        return
    console.print(f"\nlibrary {library}: {'sound' if not problems else f'{len(problems)} problems'}", style="bold")
    for problem in problems:
        console.print(Text(f"  {problem['kind']}: ", style="bold red").append(problem["message"], style=""))
    if any(problem["repairable"] for problem in problems):
        console.print("`skilllib doctor --repair` rebuilds vectors and index.")
