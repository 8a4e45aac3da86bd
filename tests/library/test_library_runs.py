"""Runs and traces are kept in order and never rewritten."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skilllib.embedders import HashingEmbedder
from skilllib.errors import InvalidRecord, RunError
from skilllib.library import SkillLibrary
from skilllib.records.execution import Attempt, Execution, Trace, Verdict
from skilllib.records.model import ModelCall
from skilllib.records.world import Observation

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def asked(purpose):
    return ModelCall(purpose=purpose, model="m", prompt="p", request="r", reply="s")


def attempt(make, number, facts=None):
    execution = Execution(before=Observation(text="", facts=facts or {}), after=Observation(text="", facts={}))
    return Attempt(
        number=number, program=make.program("fetch"), execution=execution, verdict=Verdict(solved=False, score=0, reason="")
    )


def test_traces_come_back_in_the_order_they_were_begun(library, make):
    library.begin_run("one", {"seed": 1})
    library.begin_run("two", {})
    for trace, run in (("z", "one"), ("a", "two"), ("m", "one")):
        library.begin_trace(trace, run=run, trace=Trace(task=make.task, profile="p"))
    library.append_attempt("m", attempt(make, 2))
    library.append_attempt("z", attempt(make, 1))
    library.append_attempt("m", attempt(make, 3))
    found = {trace_id: [a.number for a in trace.attempts] for trace_id, trace in library.traces("one")}
    assert found == {"z": [1], "m": [2, 3]} and list(found) == ["z", "m"]
    assert [trace_id for trace_id, _ in library.traces()] == ["z", "a", "m"]
    assert (library.attempt_count("one"), library.attempt_count("two"), library.attempt_count()) == (3, 0, 3)
    assert library.trace("m").profile == "p" and library.trace("m").task == make.task
    assert library.runs() == ("one", "two") and library.run_options("one") == {"seed": 1}


def test_what_is_recorded_is_not_recorded_twice(library, make):
    library.begin_run("one", {})
    library.begin_trace("t", run="one", trace=Trace(task=make.task))
    library.begin_trace("u", run="one", trace=Trace(task=make.task))
    library.append_attempt("t", attempt(make, 1))
    for again in (
        lambda: library.begin_run("one", {}),
        lambda: library.begin_trace("t", run="one", trace=Trace(task=make.task)),
        lambda: library.begin_trace("v", run="none", trace=Trace(task=make.task)),
        lambda: library.append_attempt("u", attempt(make, 1)),
        lambda: library.append_attempt("none", attempt(make, 9)),
        lambda: library.note("none", "key", 1),
        lambda: library.run_options("none"),
        lambda: library.trace("none"),
        lambda: library.end_trace("none", (asked("write"),)),
    ):
        with pytest.raises(RunError):
            again()
    assert library.attempt_count() == 1
    with pytest.raises(Exception, match="append-only"), library._database.writing() as connection:
        connection.exec_driver_sql("DELETE FROM attempts")


def test_what_was_asked_in_vain_after_the_last_attempt_is_added_to_a_trace_once(library, folder, make):
    library.begin_run("one", {})
    for trace in ("t", "u"):
        library.begin_trace(trace, run="one", trace=Trace(task=make.task, profile="p"))
    library.append_attempt("t", attempt(make, 1))
    library.end_trace("t", (asked("write"), asked("advise")))
    with pytest.raises(RunError, match="'t' has ended already"):
        library.end_trace("t", (asked("write"),))
    assert library.problems() == []
    library.close()
    with SkillLibrary.open(folder, embedder=HashingEmbedder(), index="exact") as opened:
        ended, other = opened.trace("t"), opened.trace("u")
        assert [call.purpose for call in ended.model_calls] == ["write", "advise"] and other.model_calls == ()
        assert ended.attempts == (attempt(make, 1),) and (ended.profile, ended.task) == ("p", make.task)
        assert [name for name, _ in opened.traces()] == ["t", "u"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(value=json_values, number=st.integers(1, 10**9))
def test_attempts_and_notes_are_read_as_they_were_written(library, make, value, number):
    if "run" not in library.runs():
        library.begin_run("run", {})
    library.note("run", "state", value)
    assert library.notes("run")["state"] == value
    written = attempt(make, library.attempt_count() + 1, {"fact": value})
    trace_id = f"t{written.number}"
    library.begin_trace(trace_id, run="run", trace=Trace(task=make.task))
    library.append_attempt(trace_id, written)
    assert library.trace(trace_id).attempts == (written,)


def test_what_json_cannot_hold_is_refused_before_anything_is_written(library, make):
    library.begin_run("one", {})
    library.begin_trace("t", run="one", trace=Trace(task=make.task))
    for value in (float("nan"), float("inf"), object(), "\ud800"):
        with pytest.raises(InvalidRecord):
            library.note("one", "key", value)
    for value in (object(), "\ud800"):
        with pytest.raises(InvalidRecord):
            library.append_attempt("t", attempt(make, 1, {"fact": value}))
    assert library.notes("one") == {} and library.attempt_count() == 0


def test_a_fact_that_is_not_a_number_is_kept_as_null(library, make):
    library.begin_run("one", {})
    library.begin_trace("t", run="one", trace=Trace(task=make.task))
    library.append_attempt("t", attempt(make, 1, {"fact": float("nan")}))
    assert library.trace("t").attempts[0].execution.before.facts == {"fact": None}
