"""The writer with a model: what it asks, what it makes of the replies, and when it gives up."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pytest
from modelled import GOOD, MANY, OTHER, SEEN, SPEC, TASK, Notes, Shelf, asked, block, failed, problem, skill

from skilllib.errors import BudgetSpent, ModelUnavailable
from skilllib.models.scripted import ScriptedModel
from skilllib.prompts import load
from skilllib.protocols import Writer
from skilllib.records.execution import Execution, ProgramError, Route, Trace
from skilllib.records.model import Reply
from skilllib.records.world import Failure, Missing
from skilllib.writer.model import ModelWriter, seed_of

WHEAT = "def fetch_wheat() -> None:\n    'Fetch wheat.'\n    walk('field')\n    gather('wheat')\n"


def test_a_good_reply_becomes_a_draft_of_new_code() -> None:
    draft, model = asked([block(GOOD, before="Walk first.")])
    assert draft is not None and draft.program.source == GOOD and draft.route == "write"
    assert draft.rationale == "Walk first." and draft.alternatives == () and draft.reuses is None
    (request,) = model.requests
    assert (request.purpose, request.prompt, request.temperature) == ("write", load("write").hash, 0.0)
    assert (request.max_tokens, request.seed) == (800, seed_of("t", 0, 0, 0))
    assert [message.role for message in request.messages] == ["system", *["user", "assistant"] * 3, "user"]


def test_it_is_a_writer() -> None:
    writer: Writer = ModelWriter(SPEC, model=ScriptedModel([]), skills=Shelf())
    assert writer


def test_the_same_question_is_asked_again_by_a_writer_that_starts_anew() -> None:
    attempts = [failed(GOOD, reason="no wheat", line=4)]
    questions = [asked(["", block(OTHER)], attempts=attempts, observe=lambda: SEEN)[1].requests for _ in range(2)]
    assert [request.hash for request in questions[0]] == [request.hash for request in questions[1]]


def test_seeds_differ_by_task_attempt_reply_and_candidate() -> None:
    seeds = [seed_of(task, a, r, c) for task in "tu" for a in range(3) for r in range(4) for c in range(4)]
    assert len(set(seeds)) == len(seeds) and all(0 <= seed < 2**31 for seed in seeds)


def test_what_was_wrong_is_told_in_the_next_request_and_nothing_else_changes() -> None:
    draft, model = asked(["I cannot.", block(GOOD)])
    first, second = model.requests
    assert draft is not None and len(model.requests) == 2
    assert second.messages[:-1] == first.messages[:-1]
    told = second.messages[-1].content.removeprefix(first.messages[-1].content)
    assert told != second.messages[-1].content, "what changes comes last, so that a server need not read the rest again"
    assert "<problem>\nthere is no code block" in told and "I cannot." not in told
    assert (first.temperature, second.temperature) == (0, 0.4) and second.seed != first.seed


def test_only_the_last_problem_is_told_and_no_refused_reply_is_shown() -> None:
    _, model = asked(["first words", block("second = 'words'"), block(GOOD)], replies=3)
    last = model.requests[-1].messages[-1].content
    assert "no `def` at the top level" in last and "there is no code block" not in last
    assert "first words" not in last and "second" not in last, "models are prone to copy what they see"


def test_it_gives_up_after_two_replies_and_says_why_to_whoever_records() -> None:
    notes = Notes()
    draft, model = asked([f"no {i}" for i in range(9)], recorder=notes)
    assert draft is None and len(model.requests) == 2
    assert [event for event, _ in notes.events] == ["refused_reply"] * 2
    assert notes.events[0][1] == {
        "purpose": "write",
        "problem": "there is no code block; put the function between ```python and ```",
        "reply": hashlib.sha256(b"no 0").hexdigest(),
    }


def test_errors_of_the_model_are_not_its_replies() -> None:
    for error in (ModelUnavailable("gone"), BudgetSpent("spent")):
        with pytest.raises(type(error)):
            asked([error])


def test_what_a_model_thinks_aloud_is_no_part_of_its_reply() -> None:
    draft, _ = asked([f"<think>\n```python\nx\n```\n</think>{block(GOOD)}"])
    assert draft is not None and draft.program.source == GOOD


def test_the_temperature_rises_when_the_same_program_comes_back() -> None:
    renamed = GOOD.replace("get_wheat", "other_name").replace("Get wheat.", "Another sentence.")
    draft, model = asked([block(GOOD), block(renamed), block(OTHER)], attempts=[failed(GOOD, reason="no wheat")], replies=3)
    assert [request.temperature for request in model.requests] == [0.4, 0.8, 1.0]
    assert draft is not None and draft.program.source == OTHER


@pytest.mark.parametrize(
    ("routes", "temperature"), [((), 0.0), (("run", "adapt"), 0.0), (("run", "write"), 0.4), (("write", "write", "write"), 0.4)]
)
def test_the_first_reply_after_a_written_program_failed_is_warmer(routes: Sequence[Route], temperature: float) -> None:
    _, model = asked([block(OTHER)], attempts=[failed(GOOD, route=route) for route in routes])
    assert [request.temperature for request in model.requests] == [temperature]


def test_the_temperature_rises_with_every_useless_reply() -> None:
    _, model = asked(["no", "no", "no", "no", "no", block(GOOD)], replies=5)
    assert [request.temperature for request in model.requests] == [0.0, 0.4, 0.8, 1.0, 1.0]


def test_a_higher_temperature_of_the_options_is_kept() -> None:
    _, model = asked([block(GOOD), block(OTHER)], attempts=[failed(GOOD)], temperature=0.6)
    assert [request.temperature for request in model.requests] == [0.6, 0.8]


def test_a_program_that_failed_is_never_run_again_but_named_with_its_reason() -> None:
    told = problem(block(GOOD), attempts=[failed(GOOD, reason="no wheat", line=4), failed(OTHER)])
    assert told.startswith("this is the same program as before, which failed: no wheat") and "line 4: gather('wheat')" in told


def test_a_model_that_repeats_itself_is_told_what_to_see_to_first() -> None:
    lack = Missing(fact="stock.wheat", at_least=2, have=0)
    error = ProgramError(
        kind="primitive", message="no", line=4, primitive="gather(crop='wheat')", failure=Failure(message="no", missing=(lack,))
    )
    attempt = failed(GOOD, execution=Execution(before=SEEN, after=SEEN, error=error))
    told = problem(block(GOOD), attempts=[attempt])
    assert told.endswith("before gather(crop='wheat'), make the calls that bring about stock.wheat at least 2 (now 0)")


def test_a_program_that_is_shown_already_is_not_shown_again_as_a_reply() -> None:
    _, model = asked([block(GOOD), block(OTHER)], attempts=[failed(GOOD)])
    assert model.requests[1].messages[-1].content.count(GOOD.strip()) == 1


def test_a_program_that_failed_under_other_names_is_the_same_program() -> None:
    one = "def a() -> None:\n    'A.'\n    for i in range(2):\n        n = gather('wheat')\n        print(n, i)\n"
    other = "def b() -> None:\n    'B.'\n    for step in range(2):\n        x: int = gather('wheat')\n        print(x, step)\n"
    assert "same program" in problem(block(other), attempts=[failed(one)])
    draft, _ = asked([block(other.replace("x, step", "step, x"))], attempts=[failed(one)])
    assert draft is not None


def test_candidates_are_asked_for_with_seeds_and_temperatures_of_their_own() -> None:
    draft, model = asked([block(GOOD), block(OTHER), block(GOOD.replace("Get", "Take"))], candidates=3)
    assert [request.temperature for request in model.requests] == [0.0, 0.7, 0.7]
    assert len({request.seed for request in model.requests}) == 3
    assert len({request.messages for request in model.requests}) == 1
    assert draft is not None and [d.program.source for d in (draft, *draft.alternatives)] == [GOOD, OTHER]


def test_one_usable_candidate_is_enough() -> None:
    draft, model = asked(["no", block(GOOD), "no"], candidates=3)
    assert draft is not None and draft.program.source == GOOD and len(model.requests) == 3


def test_after_a_round_without_a_usable_candidate_one_is_asked_for_with_what_was_wrong() -> None:
    draft, model = asked(["no", block("neither"), block(GOOD)], candidates=2)
    assert draft is not None and len(model.requests) == 3 and model.requests[2].seed == seed_of("t", 0, 1, 0)
    assert "no `def` at the top level" in model.requests[2].messages[-1].content


def test_a_program_that_is_an_active_skill_runs_that_skill() -> None:
    fetch = skill(WHEAT)
    draft, _ = asked([block(GOOD)], fetch)
    assert draft is not None and draft.reuses == fetch and draft.program == fetch.program
    assert draft.route == "write", "a call was paid"


def test_a_program_that_would_call_another_version_of_a_callee_is_not_that_skill() -> None:
    old, new = skill(WHEAT), skill(WHEAT.replace("gather('wheat')", "gather(crop='wheat')"))
    source = "def twice() -> None:\n    'Fetch twice.'\n    fetch_wheat()\n    fetch_wheat()\n"
    caller = skill(source, calls=[old])
    draft, _ = asked([block(source.replace("twice()", "again()"))], new, caller)
    assert draft is not None and draft.reuses is None
    draft, _ = asked([block(source.replace("twice()", "again()"))], old, caller)
    assert draft is not None and draft.reuses == caller


def test_an_active_skill_that_failed_already_is_no_way_out() -> None:
    assert "same program" in problem(block(GOOD), skill(WHEAT), attempts=[failed(WHEAT)])


def test_the_name_of_a_skill_that_does_something_else_is_not_taken() -> None:
    other = skill("def get_wheat() -> None:\n    'Get eggs.'\n    walk('coop')\n    gather('egg')\n", check="after.stock.egg > 0")
    draft, _ = asked([block(GOOD)], other)
    assert draft is not None and draft.program.source == GOOD.replace("get_wheat", "get_wheat_2")


def test_the_name_of_a_skill_for_the_same_check_is_kept_for_a_new_version() -> None:
    older = skill("def get_wheat() -> None:\n    'Get wheat.'\n    gather('wheat')\n", check=TASK.check)
    draft, _ = asked([block(GOOD)], older)
    assert draft is not None and draft.program.name == "get_wheat" and draft.reuses is None


def test_a_function_that_would_call_itself_where_a_skill_is_meant_is_told_so() -> None:
    other = skill(GOOD, check="after.at == 'field'")
    source = "def get_wheat() -> None:\n    'Get wheat.'\n    get_wheat()\n    gather('wheat')\n"
    assert "would call itself" in problem(block(source), other)


def test_a_skill_that_is_to_be_mended_keeps_its_name_and_signature() -> None:
    broken = skill("def get_wheat(amount: int = 1) -> None:\n    'Get wheat.'\n    gather('wheat')\n", check="after.at == 'mill'")
    task = TASK.model_copy(update={"repairs": broken.code_hash})
    assert "must begin with `def get_wheat(amount: int = 1)`" in problem(block(GOOD), broken, task=task)
    assert broken.program is not None and "which failed; change it" in problem(block(broken.program.source), broken, task=task)
    mended = GOOD.replace("get_wheat()", "get_wheat(amount: int = 1)")
    draft, model = asked([block(mended)], broken, task=task)
    assert draft is not None and draft.program.source == mended
    assert "Mend this skill:\ndef get_wheat(amount: int = 1)" in model.requests[0].messages[-1].content


def test_parameters_of_the_task_are_parameters_of_the_function() -> None:
    good = GOOD.replace("get_wheat()", "get_wheat(amount: int)")
    draft, model = asked([block(good)], task=MANY)
    assert draft is not None and draft.program.source == good
    assert "Begin the function with: def get_wheat(amount: int) -> None:" in model.requests[0].messages[-1].content


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ("", "has no parameter 'amount'"),
        ("n: int", "has no parameter 'amount'"),
        ("amount: str", "amount must be a string"),
        ("amount: int, item: str", "needs the argument 'item'"),
        ("amount: Literal[1, 2]", "amount must be one of 1, 2"),
    ],
)
def test_parameters_that_do_not_fit_the_task_are_told(parameters: str, words: str) -> None:
    told = problem(block(GOOD.replace("get_wheat()", f"get_wheat({parameters})")), task=MANY)
    assert told.startswith("the function cannot be called for the task") and words in told


def test_every_value_on_which_the_task_is_posed_must_fit() -> None:
    task = MANY.model_copy(update={"parameters": {"amount": (1, 2, 9)}})
    assert "amount=9" in problem(block(GOOD.replace("get_wheat()", "get_wheat(amount: Literal[1, 2])")), task=task)


def test_a_skill_of_another_world_or_out_of_use_can_not_be_called() -> None:
    source = "def go_on() -> None:\n    'Go on.'\n    fetch_wheat()\n"
    for fields in ({"environment": "elsewhere"}, {"status": "retired"}):
        assert "'fetch_wheat' is no primitive" in problem(block(source), skill(WHEAT, **fields))
    draft, _ = asked([block(source)], skill(WHEAT))
    assert draft is not None


def test_a_reply_that_was_cut_off_after_its_code_is_usable() -> None:
    draft, _ = asked([Reply(text=f"{block(GOOD)}\nThis works bec", finish="length")])
    assert draft is not None


def test_nothing_is_remembered_outside_of_the_trace() -> None:
    model = ScriptedModel(lambda request: block(GOOD))
    writer = ModelWriter(SPEC, model=model, skills=Shelf())
    try:
        for _ in range(2):
            assert writer.write(TASK, skills=(), trace=Trace(task=TASK)) is not None
    finally:
        writer.close()
    assert model.requests[0] == model.requests[1]
