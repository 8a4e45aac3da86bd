"""Environments, compilers and exporters found by name: anybody's package may register one by an entry point."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeAlias

from skilllib.errors import CompilerFailed, EnvironmentFault, InvalidRecord, SkillLibError, UnknownCompiler, UnknownEnvironment
from skilllib.protocols import Base, Compiler, Environment
from skilllib.records.skill import Skill
from skilllib.records.world import EnvironmentSpec

GROUP = "skilllib.environments"
"""The entry-point group under which environments register."""
COMPILERS = "skilllib.compilers"
"""The entry-point group under which compilers register."""
EXPORTERS = "skilllib.exporters"
"""The entry-point group under which exporters register, by the name of their format."""
Exporter: TypeAlias = Callable[..., Sequence[Skill]]
"""Called with a library, a path and `names=` (references; none for its own choice), it writes skills and returns them."""


def environments() -> dict[str, EntryPoint]:
    """Return the registered environments by name, sorted; nothing is imported."""
    return _registered(GROUP, "an environment", EnvironmentFault)


def compilers() -> dict[str, EntryPoint]:
    """Return the registered compilers by name, sorted; nothing is imported."""
    return _registered(COMPILERS, "a compiler", CompilerFailed)


def make_compiler(name: str, base: Base, **options: Any) -> Compiler:
    """Make a registered compiler for a base model.

    Args:
        name: Its registered name.
        base: The base model.
        options: The compiler's own options.

    Raises:
        UnknownCompiler: None is registered under that name.
        CompilerFailed: It does not import, does not take the options, or makes something that is no compiler.
    """
    registered = compilers()
    if name not in registered:
        raise UnknownCompiler(_unknown(name, "compiler", registered, COMPILERS))
    entry = registered[name]
    try:
        made: Compiler = entry.load()(base, **options)
    except SkillLibError:
        raise
    except Exception as error:
        given = f" with the options {options!r}" if options else ""
        raise CompilerFailed(
            f"{entry.value!r} failed to make the compiler {name!r}{given}: {type(error).__name__}: {error}; see its documentation"
        ) from error
    if not callable(getattr(made, "compile", None)):
        raise CompilerFailed(
            f"{entry.value!r} made a {type(made).__name__}, which has no `compile`; it must keep skilllib.protocols.Compiler"
        )
    return made


def exporters() -> dict[str, EntryPoint]:
    """Return the registered exporters by the name of their format, sorted; nothing is imported."""
    return _registered(EXPORTERS, "an exporter", InvalidRecord)


def exporter(form: str) -> Exporter:
    """Return what writes skills in a format.

    Raises:
        InvalidRecord: No exporter is registered for it.
    """
    registered = exporters()
    if form not in registered:
        raise InvalidRecord(_unknown(form, "format of an export", registered, EXPORTERS))
    found: Exporter = registered[form].load()
    return found


def _registered(group: str, what: str, fault: type[SkillLibError]) -> dict[str, EntryPoint]:
    found: dict[str, EntryPoint] = {}
    for entry in sorted(entry_points(group=group), key=lambda entry: (entry.name, entry.value)):
        if entry.name in found and found[entry.name].value != entry.value:
            raise fault(
                f"two packages register {what} {entry.name!r}: {found[entry.name].value!r} and {entry.value!r}; "
                "uninstall one of them"
            )
        found[entry.name] = entry
    return found


def make_environment(name: str, **options: Any) -> Environment:
    """Make one owned instance of a registered environment.

    Args:
        name: Its registered name.
        options: The environment's own options.

    Raises:
        UnknownEnvironment: None is registered under that name.
        EnvironmentFault: It does not import, does not take the options, or makes something that is no environment.
    """
    entry = _entry(name)
    try:
        factory = entry.load()
    except Exception as error:
        raise EnvironmentFault(
            f"the environment {name!r} ({entry.value!r}) does not import: {type(error).__name__}: {error}; "
            f"reinstall or uninstall the package that registers it{_package(entry)}"
        ) from error
    if not callable(factory):
        raise EnvironmentFault(f"{entry.value!r} is {factory!r}; the entry point of {name!r} must name a function that makes one")
    return _made(name, entry, factory, options)


def _made(name: str, entry: EntryPoint, factory: Any, options: dict[str, Any]) -> Environment:
    try:
        environment = factory(**options)
    except SkillLibError:
        raise
    except Exception as error:
        given = f" with the options {options!r}" if options else ""
        raise EnvironmentFault(
            f"{entry.value!r} failed to make the environment {name!r}{given}: {type(error).__name__}: {error}; "
            "see the environment's README for its options"
        ) from error
    lacks = [verb for verb in ("reset", "call", "observe", "close") if not callable(getattr(environment, verb, None))]
    if lacks or not isinstance(getattr(environment, "spec", None), EnvironmentSpec):
        wrong = f"lacks {', '.join(lacks)}" if lacks else "has no `spec` that is an EnvironmentSpec"
        raise EnvironmentFault(
            f"{entry.value!r} made a {type(environment).__name__}, which {wrong}; "
            "it must keep the protocol skilllib.protocols.Environment (see skilllib.testing.check_environment)"
        )
    made: Environment = environment
    return made


def _entry(name: str) -> EntryPoint:
    registered = environments()
    if name in registered:
        return registered[name]
    raise UnknownEnvironment(_unknown(name, "environment", registered, GROUP))


def _unknown(name: str, what: str, registered: dict[str, EntryPoint], group: str) -> str:
    close = difflib.get_close_matches(name, registered, n=1)
    return (
        f"no {what} is registered as {name!r}"
        f"{f'; did you mean {close[0]!r}?' if close else ''}; registered: {', '.join(registered) or 'none'}. "
        f"A package registers one in its pyproject.toml under [project.entry-points.{group!r}], "
        f"for example: {name} = 'package.module:make', and has to be installed"
    )


def _package(entry: EntryPoint) -> str:
    return f" ({entry.dist.name})" if entry.dist else ""


__all__ = [
    "COMPILERS",
    "EXPORTERS",
    "GROUP",
    "Exporter",
    "compilers",
    "environments",
    "exporter",
    "exporters",
    "make_compiler",
    "make_environment",
]
