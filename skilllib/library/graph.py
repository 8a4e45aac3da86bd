"""Who calls whom: an acyclic graph of skill versions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from skilllib.errors import CyclicCalls, LibraryDamaged, UnknownSkill
from skilllib.records.skill import Skill

if TYPE_CHECKING:
    import networkx as nx

Load = Callable[[Iterable[str]], Mapping[str, Skill]]
"""Code hashes → the skills that are known of them."""


def reachable(roots: Iterable[str], load: Load) -> dict[str, Skill]:
    """Return the roots and everything they reach through calls, by code hash.

    Raises:
        UnknownSkill: A root is not there.
        LibraryDamaged: A callee of a stored skill is not there.
    """
    wanted = list(dict.fromkeys(roots))
    found: dict[str, Skill] = dict(load(wanted))
    if missing := [code_hash for code_hash in wanted if code_hash not in found]:
        raise UnknownSkill(f"no skill has the code hash {missing[0]!r}")
    frontier = list(found.values())
    while frontier:
        callees = {callee.code_hash: (skill.name, callee.name) for skill in frontier for callee in skill.calls}
        new = load([code_hash for code_hash in callees if code_hash not in found])
        for code_hash, (caller, name) in callees.items():
            if code_hash not in found and code_hash not in new:
                raise LibraryDamaged(f"{caller!r} calls {name!r}, which is not stored ({code_hash[:12]}); see `skilllib doctor`")
        found.update(new)
        frontier = list(new.values())
    return found


def ordered(skills: Mapping[str, Skill]) -> tuple[Skill, ...]:
    """Return skills callees first; those that do not depend on each other by name and version.

    A callee that was not given is passed over.

    Raises:
        CyclicCalls: They call each other in a circle.
    """
    if not any(skill.calls for skill in skills.values()):
        return tuple(sorted(skills.values(), key=_key))
    import networkx as nx

    calls = call_graph(skills.values()).reverse()
    try:
        order = list(
            nx.lexicographical_topological_sort(calls, key=lambda key: _key(skills[key]) if key in skills else ("", 0, key))
        )
    except nx.NetworkXUnfeasible:
        circle = [skills[callee].name for _, callee in nx.find_cycle(call_graph(skills.values()))]
        raise CyclicCalls(f"skills call each other in a circle: {' → '.join([*circle, circle[0]])}") from None
    return tuple(skills[code_hash] for code_hash in order if code_hash in skills)


def call_graph(skills: Iterable[Skill]) -> nx.DiGraph[Any]:
    """Return the graph of calls: an edge from each caller to each callee, with the name used in the source.

    Nodes are code hashes with `name`, `version` and `status`; a callee that was not given is a node without them.
    """
    import networkx as nx

    graph: nx.DiGraph[Any] = nx.DiGraph()
    for skill in skills:
        graph.add_node(skill.code_hash, name=skill.name, version=skill.version, status=skill.status)
        graph.add_edges_from((skill.code_hash, callee.code_hash, {"name": callee.name}) for callee in skill.calls)
    return graph


def refuse_circle(name: str, callees: Iterable[Skill]) -> None:
    """Raise if a skill of this name is among what the new skill of this name would reach.

    By hashes a circle is impossible: a callee exists before its caller. By names it is not, and a skill that calls an
    older version of itself through others would be refined in circles.

    Raises:
        CyclicCalls: With the names.
    """
    for skill in callees:
        if skill.name == name:
            raise CyclicCalls(f"{name!r} would reach {skill.name!r} (version {skill.version}) through its calls; rename it")


def _key(skill: Skill) -> tuple[str, int, str]:
    return skill.name, skill.version, skill.code_hash
