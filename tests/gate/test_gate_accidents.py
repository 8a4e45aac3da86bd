"""What the worlds do to a skill is told apart from what it does itself."""

from __future__ import annotations

from skilllib.gate.accidents import Changes, Runs, accidental, checked, differing
from skilllib.records.skill import KeptTest


def runs(*changes: Changes, n: int = 1) -> Runs:
    found = Runs()
    for one in changes:
        found.add({"n": n}, one)
    return found


def test_facts_that_did_not_change_alike_differ() -> None:
    assert differing({"a": (0, 1), "b": (0, 1)}, {"a": (0, 1), "c": (0, 1)}) == {"b", "c"}
    assert differing({"a": (0, 1)}, {"a": (0, 2)}) == {"a"}


def test_what_a_skill_did_in_all_runs_with_the_same_arguments_is_steady() -> None:
    found = runs({"rope": (0, 2), "step": (0, 7)}, {"rope": (1, 3), "step": (0, 9), "at": ("home", "mill")}, n=2)
    assert found.steady == {('{"n":2}', "rope", "2")}


def test_how_far_both_had_to_walk_is_an_accident() -> None:
    assert accidental({"step"}, runs({"step": (0, 7)}, {"step": (0, 19)}), runs({"step": (0, 9)}, {"step": (0, 30)}))


def test_what_one_of_them_never_changes_is_what_the_other_one_does() -> None:
    assert not accidental({"debt"}, runs({}, {}), runs({"debt": (0, 3)}, {"debt": (0, 5)}))


def test_what_one_of_them_always_changes_by_as_much_is_what_it_does() -> None:
    often, seldom = runs({"kills": (0, 1)}, {"kills": (0, 1)}), runs({"kills": (0, 1)}, {})
    assert not accidental({"kills"}, often, seldom) and not accidental({"kills"}, seldom, often)
    assert accidental({"kills"}, seldom, runs({}, {"kills": (0, 1)}))


def test_where_a_skill_always_ends_is_what_it_does_though_it_began_elsewhere() -> None:
    to_coop, to_home = (
        runs({"at": ("field", "coop")}, {"at": ("mill", "coop")}),
        runs({"at": ("field", "home")}, {"at": ("mill", "home")}),
    )
    anywhere = runs({"at": ("field", "coop")}, {"at": ("mill", "home")})
    assert not accidental({"at"}, to_coop, to_home) and not accidental({"at"}, to_coop, anywhere)
    assert accidental({"at"}, anywhere, runs({"at": ("field", "home")}, {}))


def test_what_follows_the_arguments_is_no_accident() -> None:
    thrifty, wasteful = Runs(), Runs()
    for n in (1, 2, 3):
        thrifty.add({"n": n}, {"fibre": (9, 9 - n)})
        wasteful.add({"n": n}, {"fibre": (9, 9 - 2 * n)})
    assert not accidental({"fibre"}, thrifty, wasteful)


def test_what_only_one_came_to_see_is_an_accident_where_both_see_other_things_by_accident() -> None:
    one = runs({"known.tree": (0, 1)}, {"known.tree": (0, 4)})
    other = runs({"known.tree": (0, 2)}, {"known.iron": (0, 1)})
    assert accidental({"known.iron", "known.tree"}, one, other)
    assert not accidental({"known.iron"}, runs({"step": (0, 1)}, {"step": (0, 2)}), other)
    always = runs({"known.tree": (0, 2), "known.iron": (0, 1)}, {"known.iron": (0, 1)})
    assert not accidental({"known.iron"}, one, always), "one of them looks for it"


def test_one_run_shows_no_accident_and_no_difference_needs_none() -> None:
    assert not accidental({"step"}, runs({"step": (0, 7)}), runs({"step": (0, 9)}))
    assert accidental(set(), runs(), runs())


def test_a_check_that_cannot_be_read_speaks_of_nothing() -> None:
    tests = [KeptTest(environment="yard", seed=1, check=check) for check in ("after.rope > before.rope", "after.gold >= amount")]
    assert checked(tests) == {"rope"}
