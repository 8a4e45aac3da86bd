"""Re-execution on fresh worlds, with workers that answer as they are told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from skilllib.protocols import Draft, Proven
from skilllib.records.execution import Execution, Limits, ProgramError, Step
from skilllib.records.program import Program
from skilllib.records.skill import KeptTest, Statistics
from skilllib.records.task import Task
from skilllib.records.world import Failure, Missing, Observation, Outcome
from skilllib.seeds import world_seed
from skilllib.verifier.check import CheckVerifier
from skilllib.verifier.evidence import SequentialTest
from skilllib.verifier.proof import NoReExecution, ReExecution
from skilllib.workers import Job

Answer = Callable[[int, Job], Execution]
TASK = Task(id="t", environment="e", goal="have rope", check="after.rope >= 1")
AMOUNT = Task(id="a", environment="e", goal="rope", check="after.rope >= amount", parameters={"amount": (2, 1, 3)})
PROGRAM = Program.parse("def fetch(amount: int = 1, gently: bool = False) -> None:\n    'Fetch rope.'\n    take()\n")
LACK = Failure(message="no knot", missing=(Missing(fact="knot", at_least=1, have=0),))


def ran(*, before: Any = None, after: Any = None, calls: int = 1, failure: Failure | None = None, **options: Any) -> Execution:
    """An execution that obtained rope, unless told otherwise."""
    first, last = {"rope": 0} if before is None else before, {"rope": 9} if after is None else after
    changed = {"rope": (first.get("rope"), last.get("rope"))} if first != last else {}
    step = Step(primitive="take", outcome=Outcome(failure=failure), changes={} if failure else changed)
    error = ProgramError(kind="primitive", message=failure.message, failure=failure) if failure else None
    return Execution(
        before=Observation(text="", facts=first),
        after=Observation(text="", facts=last),
        trajectory=(step,) * calls,
        error=options.pop("error", error),
        world_steps=calls,
        **options,
    )


def failed(failure: Failure | None = None, **options: Any) -> Execution:
    return ran(after={"rope": 0}, failure=failure, **options)


class ToldWorkers:
    """Answer every job as they are told, and keep the jobs."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.jobs, self.batches = answer, list[Job](), list[int]()

    def run(self, jobs: Sequence[Job]) -> list[Execution]:
        self.batches.append(len(jobs))
        executions = [self.answer(len(self.jobs) + i, job) for i, job in enumerate(jobs)]
        self.jobs += jobs
        return executions


def proved(
    answer: Answer,
    task: Task = TASK,
    *,
    threshold: float = 0.3,
    seed: int = 7,
    kept: Sequence[tuple[KeptTest, Mapping[str, Any]]] = (),
    **draft: Any,
) -> tuple[Proven, ToldWorkers]:
    workers = ToldWorkers(answer)
    method = ReExecution(
        workers=workers,  # type: ignore[arg-type]
        verifier=CheckVerifier(),
        test=SequentialTest(threshold=threshold),
        limits=Limits(),
    )
    one = Draft(program=PROGRAM, **draft)
    return method.prove(one, task, execution=ran(), closure=(), calls={}, seed=seed, kept=kept), workers


def test_what_works_every_time_is_accepted_at_the_first_look() -> None:
    (proof, _), workers = proved(lambda i, job: ran())
    assert proof.accepted and len(proof.trials) == 5 and workers.batches == [5] and proof.lower_bound > proof.threshold
    assert not proof.cut_short


def test_the_execution_that_solved_the_task_is_no_evidence() -> None:
    (proof, _), _ = proved(lambda i, job: failed())
    assert not proof.accepted and proof.successes == 0, "one success where it was written, none on fresh worlds"


def test_every_world_is_fresh_and_made_for_proving() -> None:
    _, workers = proved(lambda i, job: ran() if i % 2 else failed())
    seeds = [job.seed for job in workers.jobs]
    assert len(set(seeds)) == len(seeds) > 5
    written = {world_seed(run, "write", episode) for run in range(20) for episode in range(50)}
    assert not set(seeds) & written


def test_two_proofs_use_different_worlds_and_one_proof_the_same() -> None:
    seeds = [[job.seed for job in proved(lambda i, job: ran(), seed=seed)[1].jobs] for seed in (1, 1, 2)]
    assert seeds[0] == seeds[1] and not set(seeds[0]) & set(seeds[2])


def test_arguments_vary_over_the_values_of_the_task() -> None:
    (proof, _), workers = proved(lambda i, job: ran(), AMOUNT)
    assert [job.arguments["amount"] for job in workers.jobs] == [2, 1, 3, 2, 1]
    assert [trial.arguments["amount"] for trial in proof.trials] == [2, 1, 3, 2, 1]


def test_the_check_is_asked_with_the_arguments_of_each_trial() -> None:
    (proof, _), _ = proved(lambda i, job: ran(after={"rope": 2}), AMOUNT)
    assert [trial.solved for trial in proof.trials[:5]] == [True, True, False, True, True]


def test_fixed_arguments_of_the_draft_are_passed_on_and_others_are_not() -> None:
    _, workers = proved(lambda i, job: ran(), arguments={"gently": True, "unknown": 1})
    assert all(job.arguments == {"gently": True} for job in workers.jobs)


def test_a_program_that_makes_no_call_is_refused() -> None:
    (proof, _), _ = proved(lambda i, job: ran(calls=0))
    assert not proof.accepted and "no primitive call" in proof.trials[0].reason


def test_a_check_that_holds_from_the_start_is_refused() -> None:
    (proof, _), _ = proved(lambda i, job: ran(before={"rope": 1}, after={"rope": 2}))
    assert not proof.accepted and "before" in proof.trials[0].reason


def test_what_changed_nothing_is_refused_whatever_a_verifier_says() -> None:
    class Credulous(CheckVerifier):
        def verify(self, task: Task, execution: Execution) -> Any:
            return super().verify(task, ran())

    workers = ToldWorkers(lambda i, job: failed())
    method = ReExecution(workers=workers, verifier=Credulous(), test=SequentialTest(), limits=Limits())  # type: ignore[arg-type]
    proof, _ = method.prove(Draft(program=PROGRAM), TASK, execution=ran(), closure=(), calls={}, seed=1)
    assert not proof.accepted and proof.trials[0].reason == "nothing changed in the world"


def test_what_is_hopeless_is_stopped_early() -> None:
    (proof, _), workers = proved(lambda i, job: failed())
    assert not proof.accepted and sum(workers.batches) < 20


def test_doubtful_evidence_is_taken_on_to_later_looks() -> None:
    (proof, _), workers = proved(lambda i, job: ran() if i % 4 else failed())
    assert proof.accepted and workers.batches == [5, 3] and proof.successes == 6


@pytest.mark.parametrize("lesson", [lambda: failed(LACK), lambda: failed(stopped="terminated")])
def test_a_world_that_named_what_was_missing_ends_the_proof_at_the_first_look(lesson: Callable[[], Execution]) -> None:
    (proof, _), workers = proved(lambda i, job: lesson() if i == 0 else ran())
    assert proof.cut_short and not proof.accepted and workers.batches == [5]


def test_a_settled_draft_is_taken_to_the_end_all_the_same() -> None:
    (proof, _), workers = proved(lambda i, job: failed(LACK) if i == 0 else ran(), settled=True)
    assert not proof.cut_short and proof.accepted and len(workers.batches) > 1


def test_a_lesson_does_not_cut_short_what_is_accepted_anyway() -> None:
    (proof, _), _ = proved(lambda i, job: failed(LACK) if i == 0 else ran(), threshold=0.1)
    assert proof.accepted and not proof.cut_short


def test_a_failure_that_may_pass_cuts_short_so_that_the_program_can_persist() -> None:
    (proof, _), _ = proved(lambda i, job: failed(Failure(message="bad luck", retry=True)) if i == 0 else ran())
    assert proof.cut_short and not proof.accepted


def test_a_failure_that_teaches_nothing_does_not_cut_short() -> None:
    (proof, _), _ = proved(lambda i, job: failed(Failure(message="broken")) if i == 0 else ran())
    assert not proof.cut_short and proof.accepted


def test_what_was_seen_on_fresh_worlds_is_experience() -> None:
    (_, experience), _ = proved(lambda i, job: failed(LACK) if i == 0 else ran())
    (take,) = experience.calls
    assert take.calls == 5 and take.succeeded == 4 and [missing.fact for missing in take.missing] == ["knot"]


def kept(seed: int, check: str = "after.rope >= n", **values: Any) -> tuple[KeptTest, dict[str, Any]]:
    return KeptTest(environment="e", seed=seed, check=check, check_arguments=values or {"n": 1}), {"amount": 4}


def test_kept_tests_are_replayed_on_their_own_worlds_with_their_own_checks() -> None:
    (proof, _), workers = proved(lambda i, job: ran(), kept=[kept(1001), kept(1002, n=3)])
    assert proof.accepted and [job.seed for job in workers.jobs[5:]] == [1001, 1002]
    assert [trial.check for trial in proof.trials] == [None] * 5 + ["after.rope >= n"] * 2
    assert all(job.arguments == {"amount": 4} for job in workers.jobs[5:])


def test_a_generalisation_that_breaks_a_kept_test_is_refused() -> None:
    (proof, _), _ = proved(lambda i, job: failed() if job.seed == 1002 else ran(), kept=[kept(1001), kept(1002)])
    assert not proof.accepted and "1 of 2 kept tests" in proof.reason


def test_a_kept_test_is_asked_with_its_own_values() -> None:
    (proof, _), _ = proved(lambda i, job: ran(after={"rope": 2}), kept=[kept(1001, n=3)])
    assert not proof.accepted


def test_kept_tests_are_not_replayed_for_what_is_refused_anyway() -> None:
    _, workers = proved(lambda i, job: failed(), kept=[kept(1001)])
    assert 1001 not in [job.seed for job in workers.jobs]


def test_the_ablation_says_that_nothing_was_executed_again() -> None:
    proof, experience = NoReExecution(verifier=CheckVerifier()).prove(
        Draft(program=PROGRAM), TASK, execution=ran(), closure=(), calls={}, seed=1
    )
    assert proof.accepted and len(proof.trials) == 1 and "not executed again" in proof.reason and not experience.calls
    refused, _ = NoReExecution(verifier=CheckVerifier()).prove(
        Draft(program=PROGRAM), TASK, execution=failed(), closure=(), calls={}, seed=1
    )
    assert not refused.accepted


class Proud:
    """A library whose every skill proved itself over and over."""

    def statistics(self, code_hash: str) -> Statistics:
        return Statistics(successes=5, trials=5, called=100, lower_bound=0.55)


def mended(answer: Answer, *, skills: Any) -> tuple[Proven, ToldWorkers]:
    workers = ToldWorkers(answer)
    method = ReExecution(
        workers=workers,  # type: ignore[arg-type]
        verifier=CheckVerifier(),
        test=SequentialTest(),
        limits=Limits(),
        skills=skills,
    )
    task = TASK.model_copy(update={"repairs": "0" * 64})
    return method.prove(Draft(program=PROGRAM), task, execution=ran(), closure=(), calls={}, seed=7), workers


def test_what_proved_itself_is_not_replaced_on_the_evidence_that_admits_something_new() -> None:
    def often(i: int, job: Job) -> Execution:
        return ran() if i % 4 else failed()

    assert mended(often, skills=None)[0].proof.accepted
    (proof, _), workers = mended(often, skills=Proud())
    assert proof.threshold > 0.5 and len(workers.jobs) > 8, "the bar is higher, so more is asked"
    (flawless, _), workers = mended(lambda i, job: ran(), skills=Proud())
    assert flawless.accepted and workers.batches == [5, 3], "what never fails needs a look more than a new skill"


def test_a_kept_test_starts_where_its_prefix_leads() -> None:
    test, arguments = kept(1001)
    prefix = (("take", {"hand": "left"}),)
    (proof, _), workers = proved(lambda i, job: ran(), kept=[(test.model_copy(update={"prefix": prefix}), arguments)])
    assert [job.prefix for job in workers.jobs] == [()] * 5 + [prefix]
    assert [trial.prefix for trial in proof.trials] == [()] * 5 + [prefix]


def test_a_kept_test_whose_prefix_ends_the_episode_says_nothing() -> None:
    def answer(i: int, job: Job) -> Execution:
        return ran(after={"rope": 0}, calls=0, stopped="terminated") if job.prefix else ran()

    test, arguments = kept(1001)
    (proof, _), _ = proved(answer, kept=[(test.model_copy(update={"prefix": (("take", {}),)}), arguments)])
    assert proof.accepted and len(proof.trials) == 5
