"""Revoking takes effect before the next call, everywhere, and takes along what rests on the skill."""

from __future__ import annotations

import multiprocessing
import pickle
from typing import Any

import pytest

from skilllib.embedders import HashingEmbedder
from skilllib.errors import NotVerified
from skilllib.library import SkillLibrary
from skilllib.library.pruning import Bounds
from skilllib.protocols import Environment
from skilllib.records.execution import Attempt, Execution, Limits, SkillCall, Trace, Verdict
from skilllib.records.program import Program
from skilllib.records.skill import Contract, Provenance, Provision, Statistics
from skilllib.records.world import Observation
from skilllib.sandbox import MontySandbox
from skilllib.testing import make_bakery


def statuses(library):
    return {f"{skill.name}@{skill.version}": skill.status for skill in library.skills()}


def test_what_rests_on_a_revoked_skill_goes_on_trial_at_every_depth_by_one_entry(library, make):
    for name, calls in (("fetch", []), ("make_rope", ["fetch"]), ("make_swing", ["make_rope"]), ("sing", [])):
        make.active(library, name, calls=calls)
    before = len(library.ledger())
    found = library.revoke("fetch", "it burns")
    expected = {"fetch@1": "revoked", "make_rope@1": "trial", "make_swing@1": "trial", "sing@1": "active"}
    assert statuses(library) == expected and found.skill.status == "revoked"
    assert found.callers == (library.get("make_rope").code_hash, library.get("make_swing").code_hash)
    revoke, quarantine = library.ledger()[before:]
    assert (revoke.change.rationale, quarantine.change.kind, quarantine.change.base) == (
        "it burns",
        "quarantine",
        found.skill.version_hash,
    )
    assert "fetch" in quarantine.decision.reason and quarantine.decision.codes == ("callee_revoked",)
    assert [hit.skill.name for hit in library.search("make rope", k=5)] == ["sing"] and library.problems() == []


def test_a_caller_that_is_reached_through_a_retired_one_goes_on_trial_too(library, make):
    make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    make.active(library, "make_swing", calls=["make_rope"])
    make.activate(library, make.trial(library, make.program("make_rope", salt="2")), keep=["make_swing"])
    library.revoke("fetch", "it burns")
    expected = {"fetch@1": "revoked", "make_rope@1": "retired", "make_swing@1": "trial", "make_rope@2": "active"}
    assert statuses(library) == expected and library.problems() == []


def test_only_fresh_proofs_undo_a_revocation_callees_first(library, make):
    make.active(library, "fetch")
    make.active(library, "make_rope", calls=["fetch"])
    library.revoke("fetch", "it burns")
    fetch, rope = library.get("fetch"), library.get("make_rope")
    with pytest.raises(NotVerified, match="only a proof on fresh worlds"):
        library.commit(make.change("restore", fetch), make.promote)
    with pytest.raises(NotVerified, match="revoked"):
        make.activate(library, fetch)
    with pytest.raises(NotVerified, match="rests on 'fetch'"):
        make.activate(library, rope)
    library.commit(make.change("restore", fetch), make.promote, proof=make.proof())
    assert statuses(library) == {"fetch@1": "active", "make_rope@1": "trial"}
    with pytest.raises(NotVerified):
        library.commit(make.change("restore", rope), make.promote)
    make.activate(library, rope)
    assert statuses(library) == {"fetch@1": "active", "make_rope@1": "active"} and library.problems() == []


@pytest.mark.parametrize("kind", ["retire", "quarantine", "restore", "activate", "edit"])
@pytest.mark.parametrize("ever_active", [True, False])
def test_no_change_but_a_proof_on_fresh_worlds_undoes_a_revocation(library, make, kind, ever_active):
    skill = make.active(library, "fetch") if ever_active else make.trial(library, make.program("fetch"))
    library.revoke("fetch", "it burns")
    before = library.ledger()
    replayed, failed = (make.proof().model_copy(update=one) for one in ({"replayed": True}, {"accepted": False}))
    for proof in (None, replayed, failed):
        with pytest.raises(NotVerified, match="was revoked"):
            library.commit(make.change(kind, skill), make.promote, proof=proof)
    assert library.version(skill.version_hash).status == "revoked" and library.ledger() == before


def test_what_is_revoked_while_it_is_proved_or_rolled_back_stays_revoked(library, make):
    first = make.active(library, "fetch")
    make.active(library, "fetch", salt="2")

    def replay(skill, closure, tests):
        library.revoke(first.version_hash, "stolen")
        return make.replay(skill, closure, tests)

    with pytest.raises(NotVerified, match="was revoked meanwhile"):
        library.rollback("fetch", 1, replay=replay)
    seen = library.last_entry
    library.revoke(first.version_hash, "stolen again")
    with pytest.raises(NotVerified, match="was revoked meanwhile"):
        library.commit(make.change("restore", first), make.promote, proof=make.proof(), seen=seen)
    assert library.version(first.version_hash).status == "revoked"
    library.commit(make.change("restore", first), make.promote, proof=make.proof(), seen=library.last_entry)
    assert library.version(first.version_hash).status == "active" and library.problems() == []


def test_proposals_to_prune_do_not_undo_a_revocation_that_came_since(library, make):
    for name in ("fetch", "dig"):
        library.count(make.active(library, name).code_hash, retrieved=30)
    found = library.prunable()
    assert len(found) == 2
    library.revoke("fetch", "dangerous")
    with pytest.raises(NotVerified, match="is revoked by now"):
        library.prune(found)
    assert [library.get(name).status for name in ("fetch", "dig")] == ["revoked", "active"]
    with pytest.raises(NotVerified, match="is revoked by now"):
        library.prune(found, accepted=False)


def test_what_rested_on_a_revoked_skill_can_go_on_with_its_next_version(library, make):
    for name, calls in (("fetch", []), ("make_rope", ["fetch"]), ("make_swing", ["make_rope"])):
        make.active(library, name, calls=calls)
    library.revoke("fetch", "it burns")
    with pytest.raises(NotVerified, match="mend that first"):
        library.renewed("make_swing")
    make.active(library, "fetch", salt="2")
    swing = library.renewed("make_swing")
    assert (swing.version, swing.status) == (2, "trial") and library.renewed("make_swing@2") == swing
    assert library.tests(swing.code_hash) == library.tests(library.get("make_swing@1").code_hash)
    rope = library.get("make_rope@2")
    assert rope.calls[0].code_hash == library.get("fetch").code_hash
    for one in (rope, swing):
        make.activate(library, one)
    assert {name: status for name, status in statuses(library).items() if status == "active"} == dict.fromkeys(
        ["fetch@2", "make_rope@2", "make_swing@2"], "active"
    )
    assert library.renewed("make_swing") == library.get("make_swing") and library.problems() == []


def test_a_renewed_skill_takes_the_active_version_of_what_is_on_trial(library, make):
    for name, calls in (("fetch", []), ("make_rope", ["fetch"]), ("make_swing", ["make_rope"])):
        make.active(library, name, calls=calls)
    library.revoke("fetch", "it burns")
    rope = make.active(library, "make_rope", salt="2")
    swing = library.renewed("make_swing")
    assert [callee.code_hash for callee in swing.calls] == [rope.code_hash]


def attempt(program: Program, number: int, *calls: SkillCall, reuses: str | None = None) -> Attempt:
    nothing = Observation(text="", facts={})
    execution = Execution(before=nothing, after=nothing, skill_calls=calls)
    verdict = Verdict(solved=False, score=0, reason="as recorded")
    return Attempt(number=number, program=program, execution=execution, verdict=verdict, reuses=reuses)


def test_a_revocation_tells_in_which_runs_and_traces_the_skill_was_executed(library, make):
    fetch, sing = make.active(library, "fetch"), make.active(library, "sing")
    called = SkillCall(name="fetch", code_hash=fetch.code_hash, depth=0, entered=0)
    steps = [
        ("a", "a/1", (called,), None),
        ("a", "a/1", (called,), None),
        ("b", "b/1", (), fetch.version_hash),
        ("c", "c/1", (), None),
    ]
    for number, (run, trace, calls, reuses) in enumerate(steps, 1):
        if run not in library.runs():
            library.begin_run(run, {})
            library.begin_trace(trace, run=run, trace=Trace(task=make.task))
        library.append_attempt(trace, attempt(sing.program, number, *calls, reuses=reuses))
    found = library.revoke("fetch", "it burns")
    assert (found.runs, found.traces) == (("a", "b"), ("a/1", "b/1"))
    assert library.revoke("sing", "out of tune").traces == ()
    assert library.problems() == []


# ---- before the next call


BAKE = "def bake_it() -> None:\n    'Bake.'\n    walk('field')\n    fetch_grain()\n    walk('mill')\n    fetch_grain()\n"
GRAIN = "def fetch_grain() -> None:\n    'Fetch grain.'\n    facts()\n"


class Interrupted:
    """A bakery in which something happens on the way to the mill."""

    def __init__(self, happens: Any) -> None:
        self.inner, self.spec, self._happens = make_bakery(), make_bakery().spec, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def call(self, primitive: str, arguments: Any) -> Any:
        if arguments == {"place": "mill"} or "mill" in arguments.values():
            self._happens()
        return self.inner.call(primitive, arguments)


def revoke_elsewhere(path: str) -> None:
    with SkillLibrary.open(path, embedder=HashingEmbedder(), index="exact") as library:
        library.revoke("fetch_grain", "it is mouldy")


@pytest.fixture
def grain(library, make):
    program = Program.parse(GRAIN)
    skill = library.admit(
        program,
        trace=make.trace(program),
        contract=Contract(),
        calls={},
        provenance=Provenance(),
        primitives={primitive.name for primitive in make_bakery().spec.primitives},
    )
    make.activate(library, skill)
    return library.get("fetch_grain")


def run(sandbox: MontySandbox, environment: Environment, source: str, *closure: Any, calls: Any) -> Execution:
    environment.reset(0)
    return sandbox.run(Program.parse(source), arguments={}, closure=closure, calls=calls, environment=environment, limits=Limits())


def test_a_running_program_cannot_enter_a_skill_that_another_process_revoked(library, folder, grain):
    def happens() -> None:
        process = multiprocessing.get_context("spawn").Process(target=revoke_elsewhere, args=(str(folder),))
        process.start()
        process.join()
        assert process.exitcode == 0

    with MontySandbox(guard=library.guard()) as sandbox:
        execution = run(sandbox, Interrupted(happens), BAKE, grain, calls={"fetch_grain": grain.code_hash})  # type: ignore[arg-type]
    assert execution.error is not None and execution.error.kind == "grant"
    assert execution.error.message == "'fetch_grain' (version 1) was revoked: it is mouldy"
    assert [call.name for call in execution.skill_calls] == ["fetch_grain"], (
        "the first call was before that, the second is not made"
    )


def test_a_revoked_skill_is_not_run_as_a_root_either_nor_in_a_process_that_was_sent_the_guard(library, make, grain):
    guard = pickle.loads(pickle.dumps(library.guard()))
    with MontySandbox(guard=guard) as sandbox:
        assert run(sandbox, make_bakery(), GRAIN, calls={}).error is None
        library.revoke("fetch_grain", "it is mouldy")
        refused = run(sandbox, make_bakery(), GRAIN, calls={})
        assert refused.error is not None and "revoked" in refused.error.message and refused.trajectory == ()
        assert run(sandbox, make_bakery(), GRAIN.replace("Fetch grain", "Fetch other grain"), calls={}).error is None
        library.commit(make.change("restore", grain), make.promote, proof=make.proof())
        assert run(sandbox, make_bakery(), GRAIN, calls={}).error is None, "what is proved anew may run, without anybody being told"
    guard.close()


# ---- figures and pruning


def test_the_posterior_counts_every_trial_and_every_call():
    figures = Statistics(trials=8, successes=7, called=10, failed=4, solved=3)
    assert figures.posterior == (14.0, 6.0) and Statistics().posterior == (1.0, 1.0)
    assert Statistics(failed=3).posterior == (1.0, 4.0), "a failure without a call counts too"
    assert 0 < Statistics().lower() < figures.lower() < figures.lower(0.5) < 0.75 < figures.upper() < 1
    assert Statistics().lower() == pytest.approx(0.05) and Statistics().upper() == pytest.approx(0.95)


def test_what_is_offered_and_never_called_is_proposed_and_retired_by_a_decision(library, make):
    idle, busy = make.active(library, "idle"), make.active(library, "busy")
    for skill in (idle, busy):
        library.count(skill.code_hash, retrieved=30)
    library.count(busy.code_hash, called=1)
    (found,) = library.prunable()
    assert (found.skill.name, found.why, found.figures) == ("idle", "unused", {"retrieved": 30.0, "called": 0.0})
    assert library.prunable(Bounds(offered=31)) == () and library.get("idle").status == "active", "nothing happens by itself"
    (entry,) = library.prune([found])
    assert (entry.change.kind, entry.change.proposer, entry.decision.codes) == ("retire", "prune", ("unused",))
    assert statuses(library) == {"idle@1": "retired", "busy@1": "active"} and len(library.skills()) == 2
    assert library.prunable() == () and library.problems() == []


def test_a_proposal_that_was_rejected_is_not_made_again(library, make):
    library.count(make.active(library, "idle").code_hash, retrieved=30)
    (entry,) = library.prune(library.prunable(), accepted=False)
    assert entry.decision.outcome == "reject" and library.prunable() == () and library.get("idle").status == "active"


def test_what_fails_more_often_than_not_is_proposed(library, make):
    library.count(make.active(library, "clumsy").code_hash, called=20, failed=18)
    library.count(make.active(library, "unlucky").code_hash, called=3, failed=2)
    (found,) = library.prunable()
    assert (found.skill.name, found.why) == ("clumsy", "unreliable") and found.figures["upper"] < 0.5


def test_what_an_active_skill_calls_is_never_proposed_nor_retired_by_an_old_proposal(library, make):
    library.count(make.active(library, "fetch").code_hash, retrieved=99)
    proposals = library.prunable()
    make.active(library, "make_rope", calls=["fetch"])
    assert library.prunable() == ()
    with pytest.raises(NotVerified, match="make_rope"):
        library.prune(proposals)
    assert library.get("fetch").status == "active"


def promising(library, make, name, *checks):
    program = make.program(name)
    skill = library.admit(
        program,
        trace=make.trace(program),
        contract=Contract(provides=tuple(Provision(check=check) for check in checks)),
        calls={},
        provenance=Provenance(),
        primitives=make.primitives,
    )
    make.activate(library, skill)
    return library.get(name)


def test_what_another_skill_does_better_is_proposed(library, make):
    rope, day = "after.inventory.rope >= 1", "after.day >= 1"
    weak = promising(library, make, "weak", rope)
    other = promising(library, make, "other", day)
    strong = promising(library, make, "strong", rope, day)
    library.count(weak.code_hash, called=20, failed=8)
    library.count(other.code_hash, called=50)
    assert library.prunable() == ()
    library.count(strong.code_hash, called=40)
    (found,) = library.prunable()
    assert (found.skill.name, found.why) == ("weak", "dominated") and "strong" in found.reason
