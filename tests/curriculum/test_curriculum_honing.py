"""A share of the tasks exercises skills that are untested somewhere, weak or unused."""

from __future__ import annotations

from proposing import SPEC, Shelf, curriculum, requests, skill, start, trace

from skilllib.curriculum.honing import Honing
from skilllib.records.skill import Effect, Provision, Statistics
from skilllib.records.task import Task

BAKE = skill('def bake_one() -> None:\n    """Bake."""\n    bake()\n', Provision(check="after.stock.bread >= 1"))
LIGHT = skill('def heat() -> None:\n    """Light."""\n    light()\n', Provision(check="after.oven.lit"))
HOLD = skill(
    'def hold(amount: int) -> None:\n    """Hold wheat."""\n    gather("wheat")\n',
    Provision(check="after.stock.wheat >= amount", parameters=("amount",)),
)


def tried(*amounts: int) -> list[Effect]:
    return [Effect(fact="stock.wheat", arguments={"amount": amount}, n=3, changed=3, rise=1) for amount in amounts]


def never(task: Task) -> int:
    return 0


def test_the_share_of_exercises_is_what_was_asked_for_and_they_are_spread_out() -> None:
    for share, expected in ((0.0, 0), (0.2, 20), (0.5, 50), (0.33, 33)):
        due = [Honing(SPEC, Shelf(), share).due(n) for n in range(100)]
        assert sum(due) == expected
    assert [n for n in range(15) if Honing(SPEC, Shelf(), 0.2).due(n)] == [4, 9, 14]


def test_an_untested_range_comes_before_a_weak_skill_and_that_before_an_unused_one() -> None:
    figures = {"bake_one": Statistics(lower_bound=0.3, called=5), "heat": Statistics(lower_bound=0.9, called=0)}
    shelf = Shelf(LIGHT, BAKE, HOLD, effects={"hold": tried(1, 2, 3)}, **figures)
    done: dict[str, int] = {}
    honing, order = Honing(SPEC, shelf), []
    while (task := honing.propose(lambda task: done.get(task.id, 0))) is not None:
        order.append(task)
        done[task.id] = done.get(task.id, 0) + 1
    assert [task.goal for task in order] == ["hold with amount 6 or 5 or 4", "bake one", "heat"] * 2
    assert order[0].check == "after.stock.wheat >= amount" and order[0].parameters == {"amount": (6, 5, 4)}


def test_values_stay_within_what_the_parameter_and_the_fact_allow() -> None:
    shelf = Shelf(HOLD, effects={"hold": tried(*range(1, 20))})
    task = Honing(SPEC, shelf).propose(never)
    assert task is not None and task.parameters == {"amount": (20,)}
    assert Honing(SPEC, Shelf(HOLD, effects={"hold": tried(*range(1, 21))})).propose(never) is None


def test_choices_without_a_test_are_exercised() -> None:
    source = 'def go(to: Literal["home", "mill", "field"]) -> None:\n    """Go."""\n    walk(to)\n'
    shelf = Shelf(
        skill(source, Provision(check="after.at == to", parameters=("to",))),
        effects={"go": [Effect(fact="at", arguments={"to": "mill"}, n=2, changed=2)]},
    )
    task = Honing(SPEC, shelf).propose(never)
    assert task is not None and task.parameters == {"to": ("home", "field")}


def test_skills_in_good_order_of_another_world_or_no_longer_active_are_left_alone() -> None:
    elsewhere = BAKE.model_copy(update={"environment": "foundry"})
    retired = LIGHT.model_copy(update={"status": "retired"})
    assert Honing(SPEC, Shelf(elsewhere, retired, BAKE.model_copy(update={"name": "fine"}))).propose(never) is None


def test_an_exercise_is_set_when_it_is_due_and_costs_the_curriculum_no_call() -> None:
    shelf = Shelf(BAKE, bake_one=Statistics(lower_bound=0.1))
    council = curriculum(lambda request: "a | after.oven.lit\nb | after.stock.egg >= 1", shelf=shelf, honing=0.5)
    first = council.propose(start())
    assert first is not None and not first.id.startswith("hone:")
    council.record(trace(first, solved=True))
    asked = len(requests(council))
    second = council.propose(start())
    assert second is not None and second.id == "hone:bake_one:0" and len(requests(council)) == asked
