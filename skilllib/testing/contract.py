"""The contract every environment keeps, as a check that anyone can run on their own."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from skilllib.errors import EnvironmentFault, InvalidCheck, ResetNeeded
from skilllib.protocols import Environment, Rendering, Snapshotting
from skilllib.records.base import Json, Scalar, canonical
from skilllib.records.check import Check
from skilllib.records.facts import flatten
from skilllib.records.naming import RESERVED
from skilllib.records.world import EnvironmentSpec, Observation, Outcome, Parameter, Primitive

Call: TypeAlias = tuple[str, dict[str, Scalar]]
_TYPES: dict[str, tuple[type, ...]] = {
    "integer": (int,), "number": (int, float), "string": (str,), "boolean": (bool,), "array": (list, tuple), "null": (type(None),),
}  # fmt: skip


def check_environment(make: Callable[[], Environment], *, seed: int = 0, calls: int = 30) -> None:
    """Check that an environment keeps its contract.

    Args:
        make: Makes one instance; called twice, so that two instances can be compared.
        seed: Seed of the episodes and of the random calls.
        calls: How many random calls to make in each episode.

    Raises:
        EnvironmentFault: It does not; the message lists every problem that was found.
    """
    first, second = make(), make()
    problems = list(_spec_problems(first.spec))
    if not problems:  # calls are built from the specification, so it has to be sound
        problems += _order_problems(first)
        problems += _heard(_episode_problems(first, seed, calls))
        problems += _heard(_repeat_problems(first, second, seed, calls))
        problems += _heard(_snapshot_problems(first, seed, calls))
    for environment in (first, second):
        problems += _closing_problems(environment)
    if problems:
        listed = "\n".join(f"- {problem}" for problem in dict.fromkeys(problems))
        raise EnvironmentFault(f"the environment {first.spec.name!r} does not keep its contract:\n{listed}")


def _heard(problems: Iterator[str]) -> Iterator[str]:
    """Pass problems on; what the environment raises where nothing should be raised is one more."""
    try:
        yield from problems
    except Exception as error:
        yield f"raised {type(error).__name__} in the middle of an episode: {error}; what a call cannot do is a failure"


def _spec_problems(spec: EnvironmentSpec) -> Iterator[str]:
    declared = spec.fact_types()
    names = [primitive.name for primitive in spec.primitives]
    if not names:
        yield "the specification declares no primitives; declare at least one"
    if not declared:
        yield "the specification declares no facts; give `facts` as a JSON Schema with `properties`"
    for name in {name for name in names if names.count(name) > 1}:
        yield f"two primitives are called {name!r}; rename one"
    for primitive in spec.primitives:
        yield from _primitive_problems(primitive)
    for path, schema in declared.items():
        if "type" not in schema and "enum" not in schema:
            yield f"the fact {path!r} is declared without a type; add one"
    yield from _aim_problems(spec, declared)


def _aim_problems(spec: EnvironmentSpec, declared: Mapping[str, Mapping[str, Json]]) -> Iterator[str]:
    for milestone in spec.milestones:
        try:
            read = Check(milestone.check).facts()
        except InvalidCheck as error:
            yield f"the check of milestone {milestone.name!r} is invalid: {error}"
            continue
        for path in read:
            if not _is_declared(path, declared):
                yield f"milestone {milestone.name!r} reads {path!r}, which is no declared fact; declare it or correct the check"
    for need in spec.vital_needs:
        if declared.get(need.fact, {}).get("type") not in ("integer", "number"):
            yield f"the vital need {need.fact!r} is no declared fact of type integer or number; declare it so"


def _primitive_problems(primitive: Primitive) -> Iterator[str]:
    if not primitive.name.isidentifier() or primitive.name in RESERVED:
        yield f"a primitive cannot be called {primitive.name!r}; use an identifier that means nothing else in a program"
    if not primitive.doc:
        yield f"{primitive.name!r} has no doc; say what it does"
    for parameter in primitive.parameters:
        where = f"the parameter {parameter.name!r} of {primitive.name!r}"
        if not parameter.name.isidentifier():
            yield f"{where} is not an identifier; rename it"
        if parameter.choices is not None and not parameter.choices:
            yield f"{where} has no choices; give some or leave `choices` out"
        for value in parameter.choices or ():
            if not _is_of(value, parameter.type):
                yield f"{where} offers {value!r}, which is no {parameter.type}"


def _order_problems(environment: Environment) -> Iterator[str]:
    call = next(_calls(environment.spec, random.Random(0)))
    try:
        environment.call(*call)
    except ResetNeeded:
        return
    except Exception as error:
        yield f"a call before reset raised {type(error).__name__}: {error}; raise ResetNeeded"
        return
    yield f"{call[0]!r} was accepted before reset; raise ResetNeeded"


def _episode_problems(environment: Environment, seed: int, calls: int) -> Iterator[str]:
    spec = environment.spec
    yield from _observation_problems(spec, _reset(environment, seed))
    yield from _rendering_problems(environment)
    for name, arguments in _some_calls(spec, seed, calls):
        outcome = environment.call(name, arguments)
        seen = environment.observe()
        yield from _outcome_problems(spec, name, outcome)
        yield from _observation_problems(spec, seen)
        if environment.observe() != seen:
            yield "observe() changed the environment or is not repeatable; it must only look"
        if outcome.terminated or outcome.truncated:
            yield from _after_end_problems(environment, (name, arguments))
            return


def _after_end_problems(environment: Environment, call: Call) -> Iterator[str]:
    try:
        environment.call(*call)
    except ResetNeeded:
        return
    except Exception as error:
        yield f"a call after the end raised {type(error).__name__}: {error}; raise ResetNeeded"
        return
    yield f"{call[0]!r} was accepted after the end of the episode; raise ResetNeeded"


def _observation_problems(spec: EnvironmentSpec, observation: Observation) -> Iterator[str]:
    declared = spec.fact_types()
    try:
        canonical(observation.facts)
    except (TypeError, ValueError) as error:
        yield f"the facts are not finite JSON: {error}"
        return
    shown = flatten(observation.facts)
    for path in declared.keys() - shown.keys():
        if declared[path].get("type") != "object":
            yield f"the declared fact {path!r} is not observed; show it always or do not declare it"
    for path, value in shown.items():
        if not _is_declared(path, declared):
            yield f"the fact {path!r} is observed but not declared; add it to the schema"
        elif path in declared:
            yield from _value_problems(path, value, declared[path])
    if spec.admissible_actions and observation.actions is None:
        yield "the specification promises admissible actions, but an observation has none; fill `actions`"


def _value_problems(path: str, value: Json, schema: Mapping[str, Json]) -> Iterator[str]:
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    if kinds and not any(_is_of(value, kind) for kind in kinds):
        yield f"the fact {path!r} is {value!r}, which is no {' or '.join(kinds)}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"the fact {path!r} is {value!r}, which is none of {schema['enum']!r}"
    if isinstance(value, int | float):
        if value < schema.get("minimum", value):
            yield f"the fact {path!r} is {value!r}, below its minimum {schema['minimum']!r}"
        if value > schema.get("maximum", value):
            yield f"the fact {path!r} is {value!r}, above its maximum {schema['maximum']!r}"


def _outcome_problems(spec: EnvironmentSpec, name: str, outcome: Outcome) -> Iterator[str]:
    try:
        canonical(outcome.model_dump(mode="json"))
        canonical(outcome.value)
    except (TypeError, ValueError) as error:
        yield f"the outcome of {name!r} is not finite JSON: {error}"
    if outcome.terminated and outcome.truncated:
        yield f"an outcome of {name!r} was both terminated and truncated; the world ended or time ran out, not both"
    if outcome.failure is None:
        return
    if not outcome.failure.message:
        yield f"a failure of {name!r} says nothing; give it a message"
    declared = spec.fact_types()
    for missing in outcome.failure.missing:
        if missing.fact is None and missing.near is None:
            yield f"a failure of {name!r} names something missing without `fact` or `near`; say what"
        if missing.fact is not None and not _is_declared(missing.fact, declared):
            yield f"a failure of {name!r} names the fact {missing.fact!r}, which is not declared; declare it"


def _repeat_problems(first: Environment, second: Environment, seed: int, calls: int) -> Iterator[str]:
    if not first.spec.seeds:
        return
    once = _trajectory(first, seed, calls)
    if _trajectory(first, seed, calls) != once:
        yield f"reset({seed}) twice gave two different trajectories for the same calls; draw everything from the seed"
    if first.spec.renders and _trajectory(first, seed, calls, render=True) != once:
        yield "the same calls went differently when pictures were drawn in between; draw a copy"
    if _trajectory(second, seed, calls) != once:
        yield f"two instances gave different trajectories for seed {seed}; share no state between instances"


def _snapshot_problems(environment: Environment, seed: int, calls: int) -> Iterator[str]:
    if not environment.spec.snapshots:
        return
    if not isinstance(environment, Snapshotting):
        yield "the specification promises snapshots, but there is no snapshot() and restore()"
        return
    before = _reset(environment, seed)
    token = environment.snapshot()
    if environment.observe() != before:
        yield "snapshot() changed the environment; it must only copy"
    once = _played(environment, seed, calls)
    for _ in range(2):
        environment.restore(token)
        if environment.observe() != before:
            yield "restore() did not bring the observation back; keep everything that is shown in the token"
        if _played(environment, seed, calls) != once:
            yield "the same calls went differently after restore(); keep the random state in the token, and copy it out"


def _rendering_problems(environment: Environment) -> Iterator[str]:
    if not environment.spec.renders:
        return
    if not isinstance(environment, Rendering):
        yield "the specification promises pictures, but there is no render()"
        return
    before = environment.observe()
    picture = environment.render()
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != "uint8":
        yield f"render() gave {picture.dtype} {picture.shape}; give (height, width, 3) uint8"
    if environment.observe() != before:
        yield "render() changed the environment; draw a copy"


def _closing_problems(environment: Environment) -> Iterator[str]:
    try:
        environment.close()
        environment.close()
    except Exception as error:
        yield f"close() twice raised {type(error).__name__}: {error}; make the second one harmless"


def _reset(environment: Environment, seed: int) -> Observation:
    return environment.reset(seed) if environment.spec.seeds else environment.reset()


def _trajectory(environment: Environment, seed: int, calls: int, *, render: bool = False) -> list[Json]:
    return [_reset(environment, seed).model_dump(), *_played(environment, seed, calls, render=render)]


def _played(environment: Environment, seed: int, calls: int, *, render: bool = False) -> list[Json]:
    """Return what a fixed list of calls came to, up to the end of the episode."""
    played: list[Json] = []
    for name, arguments in _some_calls(environment.spec, seed, calls):
        if render and isinstance(environment, Rendering):
            environment.render()
        outcome = environment.call(name, arguments)
        played.append([name, arguments, outcome.model_dump(), environment.observe().model_dump()])
        if outcome.terminated or outcome.truncated:
            break
    return played


def _some_calls(spec: EnvironmentSpec, seed: int, count: int) -> list[Call]:
    calls = _calls(spec, random.Random(seed))
    return [next(calls) for _ in range(count)]


def _calls(spec: EnvironmentSpec, draw: random.Random) -> Iterator[Call]:
    """Return random valid calls without end, each primitive once before any comes again."""
    while True:
        for primitive in draw.sample(spec.primitives, len(spec.primitives)):
            yield primitive.name, {parameter.name: _argument(parameter, draw) for parameter in primitive.parameters}


def _argument(parameter: Parameter, draw: random.Random) -> Scalar:
    if parameter.choices:
        return draw.choice(parameter.choices)
    if parameter.default is not None and draw.random() < 0.5:
        return parameter.default
    if parameter.type == "boolean":
        return draw.random() < 0.5
    if parameter.type == "string":
        return "something"
    low = parameter.minimum if parameter.minimum is not None else 0
    high = min(low + 5, parameter.maximum if parameter.maximum is not None else low + 5)
    return draw.randint(int(low), int(high)) if parameter.type == "integer" else draw.uniform(low, high)


def _is_declared(path: str, declared: Mapping[str, Mapping[str, Json]]) -> bool:
    """Return whether a path is a declared leaf or lies inside a declared object whose keys are open."""
    return path in declared or any(
        schema.get("type") == "object" and path.startswith(f"{leaf}.") for leaf, schema in declared.items()
    )


def _is_of(value: Json, kind: str) -> bool:
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    return kind == "object" or isinstance(value, _TYPES.get(kind, (object,)))


__all__ = ["RESERVED", "check_environment"]
