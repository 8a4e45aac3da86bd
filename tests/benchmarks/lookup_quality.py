"""How well look-ups find what is meant: prints the tables of docs/results.md, section "Look-up quality".

    python tests/benchmarks/fetch_bfcl.py
    python tests/benchmarks/lookup_quality.py
    python tests/benchmarks/lookup_quality.py --functions FUNCTIONS.jsonl --questions QUESTIONS.jsonl
    python tests/benchmarks/lookup_quality.py --library skill-library --questions tests/benchmarks/crafter_questions.jsonl

Functions are taken into a new library as skills in words, on trial, and looked up with `retrieve(Query(text=…, status="trial"))`.
A line of FUNCTIONS is `{"name": …, "description": …, "parameters": {name: description}}`, the last being optional; a line of
QUESTIONS is `{"question": …, "names": [right name, …]}`. An answer is right if it bears one of these names.
"""

from __future__ import annotations

import argparse
import json
import keyword
import random
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

import numpy as np
from fetch_bfcl import CACHE, fetched

from skilllib.embedders import MiniLMEmbedder
from skilllib.library import SkillLibrary, ranking
from skilllib.library.text import terms
from skilllib.records.execution import Proof, Trial
from skilllib.records.ledger import Change, Decision
from skilllib.records.query import Query
from skilllib.records.skill import KeptTest, Skill
from skilllib.records.task import Task

SINGLE = ("simple_python", "simple_java", "simple_javascript", "multiple", "parallel", "parallel_multiple", "irrelevance")
LIVE = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple", "live_irrelevance")
K = 10
RESAMPLED = 2000


class Function(NamedTuple):
    """What may be looked up."""

    name: str
    description: str
    parameters: dict[str, str]


class Labelled(NamedTuple):
    """Functions, and questions with the names of those that are right."""

    functions: list[Function]
    questions: list[tuple[str, frozenset[str]]]


def main() -> None:
    """Print a table for each set."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE, help="where fetch_bfcl.py put the data")
    parser.add_argument("--functions", type=Path, help="a set of your own")
    parser.add_argument("--questions", type=Path)
    parser.add_argument("--library", type=Path, help="a library that was learned, whose active skills are looked up")
    parser.add_argument("--most", type=int, default=1000, help="questions of a set, drawn at random")
    parser.add_argument("--bare", action="store_true", help="without the functions' parameters")
    parser.add_argument("--facts", choices=FACTS, help="as active skills, each shown to bring about a fact named like that")
    given = parser.parse_args()
    if given.library:
        with SkillLibrary.open(given.library, embedder=MiniLMEmbedder()) as library:
            report(str(given.library), library, questions(given.questions), status="active")
            report_lies(library, questions(given.questions))
        return
    sets = {str(given.functions): own(given.functions, given.questions)} if given.functions else bfcl(fetched(given.cache))
    for name, labelled in sets.items():
        functions = [one._replace(parameters={}) for one in labelled.functions] if given.bare else labelled.functions
        functions, labels = distinct(Labelled(functions, labelled.questions))
        asked = random.Random(0).sample(labels, min(given.most, len(labels)))
        if given.facts:
            report_facts(name, functions, labels, given.facts, most=given.most)
            continue
        with (
            tempfile.TemporaryDirectory() as scratch,
            SkillLibrary.open(Path(scratch) / "library", create=True, embedder=MiniLMEmbedder()) as library,
        ):
            library.load(((skill(one), ()) for one in functions), proposer="benchmark")
            report(name, library, asked, status="trial")


def skill(function: Function) -> Skill:
    """Return a function as a skill in words."""
    told = "\n".join(f"- {name}: {about}" for name, about in function.parameters.items())
    return Skill(name=symbol(function.name), description=function.description, text=f"{function.description}\n\n{told}".strip())


def symbol(name: str) -> str:
    """Return a name as a Python identifier, which a skill's name is."""
    made = re.sub(r"\W+", "_", name).strip("_")
    return f"f_{made}" if keyword.iskeyword(made) or not made.isidentifier() else made


# ---- measuring


def report(name: str, library: SkillLibrary, asked: Sequence[tuple[str, frozenset[str]]], *, status: Any) -> None:
    """Print recall at one and five and the mean reciprocal rank at ten of each way, with intervals."""
    pool = library._pool_of(Query(text="", status=status))
    print(f"\n{name}: {len(pool.keys)} skills, {len(asked)} questions\n")
    print("| | R@1 | R@5 | MRR |\n|---|---|---|---|")
    for way, find in ways(library, status).items():
        places = [place(find(question), frozenset(map(symbol, right))) for question, right in asked]
        print(f"| {way} | " + " | ".join(figure(places, measure) for measure in MEASURES) + " |")


# ---- what evidence costs where everybody is honest


FACTS: dict[str, Callable[[str], str]] = {"name": lambda name: name, "last": lambda name: name.rsplit("_", 1)[-1]}
"""How the fact is called that a function brings about: like all of it, or like its last word, which it shares with others."""
SHOWN = 800


def report_facts(
    name: str, functions: Sequence[Function], labels: Sequence[tuple[str, frozenset[str]]], facts: str, *, most: int
) -> None:
    """Print how well functions are found that were shown to do something, with and without regard to that."""
    functions = functions[:SHOWN]
    names = {one.name for one in functions}
    labels = [(question, right) for question, right in labels if right & names]
    asked = random.Random(0).sample(labels, min(most, len(labels)))
    with (
        tempfile.TemporaryDirectory() as scratch,
        SkillLibrary.open(Path(scratch) / "library", create=True, embedder=MiniLMEmbedder()) as library,
    ):
        with library.transaction():
            for one in functions:
                fact = f"done.a_{FACTS[facts](symbol(one.name))}"
                test = KeptTest(environment="", seed=1, check=f"after.{fact} == True", changes={fact: (False, True)})
                prove(library, symbol(one.name), one.description, test, environment="")
        print(f"\n{name}, facts by {facts}: {len(functions)} skills, {len(asked)} questions\n")
        print("| | R@1 | R@5 | MRR |\n|---|---|---|---|")
        for way, clearly in {"with regard to evidence": ranking.CLEARLY, "without": 2.0}.items():
            with mock.patch.object(ranking, "CLEARLY", clearly):
                found = [[hit.skill.name for hit in library.retrieve(question, k=K)] for question, _ in asked]
            places = [place(names, frozenset(map(symbol, right))) for names, (_, right) in zip(found, asked, strict=True)]
            print(f"| {way} | " + " | ".join(figure(places, measure) for measure in MEASURES) + " |", flush=True)


# ---- lies


FEATHER = KeptTest(environment="", seed=1, check="after.inventory.feather >= 1", changes={"inventory.feather": (0, 1)})
"""What liars did in truth."""
LIES: dict[str, Callable[[str, Skill], tuple[str, str]]] = {
    "the question, word for word": lambda question, _: ("helper", question),
    "the question, and so is its name": lambda question, _: (symbol(question.lower()), question),
    "what the right skill says": lambda _, right: ("helper", right.description),
}
"""What a skill says of itself that was shown to do something else: question, who is right → name and description."""


def report_lies(library: SkillLibrary, asked: Sequence[tuple[str, frozenset[str]]]) -> None:
    """Print how many of the questions that are answered rightly a lie wins, with and without regard to what was shown."""
    print("\n| a skill that says of itself | wins | without regard to evidence |\n|---|---|---|")
    for lie, told in LIES.items():
        print(f"| {lie} | {won(library, asked, told)} | {won(library, asked, told, clearly=2.0)} |")
    told = LIES["the question, word for word"]
    kept = {one.name: library.tests(one.code_hash)[0] for one in library.skills("active")}
    wins = won(library, asked, told, kept), won(library, asked, told, kept, clearly=2.0)
    print(f"| the same, and was shown to do what another skill does | {wins[0]} | {wins[1]} |")


def won(
    library: SkillLibrary,
    asked: Sequence[tuple[str, frozenset[str]]],
    told: Callable[[str, Skill], tuple[str, str]],
    kept: Mapping[str, KeptTest] | None = None,
    clearly: float = ranking.CLEARLY,
) -> str:
    """Return of how many questions that were answered rightly a lie becomes the answer. The library stays as it was.

    Args:
        library: With the right skills.
        asked: Questions, and who is right.
        told: What the lie is.
        kept: What it was shown to do, by the name of the skill that does it too, each in turn; a feather by default.
        clearly: By how much evidence has to be nearer; 2 leaves it out of account.
    """
    wins = tried = 0
    with mock.patch.object(ranking, "CLEARLY", clearly):
        for question, names in asked:
            (best,) = library.retrieve(question, k=1)
            if best.skill.name not in names:
                continue
            for test in [test for name, test in kept.items() if name not in names] if kept else [FEATHER]:
                tried += 1
                with suppress(Undone), library.transaction():
                    prove(library, *told(question, best.skill), test, environment=best.skill.environment)
                    wins += library.retrieve(question, k=1)[0].skill.name not in names
                    raise Undone
    return f"{wins} of {tried}"


class Undone(Exception):
    """Takes back a transaction."""


def prove(library: SkillLibrary, name: str, description: str, test: KeptTest, *, environment: str) -> None:
    """Make a skill active that was shown to do what a test shows."""
    made = Skill(name=name, description=description, text=f"{description}\n\n{name}", environment=environment)
    library.load([(made, ())], proposer="benchmark")
    values = {key: (value,) for key, value in test.check_arguments.items()}
    task = Task(id="lie", environment=environment, goal="something else", check=test.check, parameters=values)
    trials = (Trial(seed=1, solved=True, changes=test.changes, arguments=test.check_arguments),)
    proof = Proof(task=task, trials=trials, accepted=True, reason="for a benchmark", lower_bound=0.5)
    change = Change(kind="activate", targets=(made.version_hash,), proposer="benchmark")
    library.commit(change, Decision(outcome="promote", codes=("proven",)), proof=proof)


# ---- figures


MEASURES: list[Callable[[int | None], float]] = [
    lambda place: float(place == 1),
    lambda place: float(place is not None and place <= 5),
    lambda place: 1 / place if place else 0.0,
]


def place(names: Sequence[str], right: frozenset[str]) -> int | None:
    """Return the place of the first right name, 1 for the first."""
    return next((at for at, name in enumerate(names, 1) if name in right), None)


def figure(places: Sequence[int | None], measure: Callable[[int | None], float]) -> str:
    """Return a mean with its 95 % interval (percentile bootstrap over questions)."""
    values = np.array([measure(place) for place in places])
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLED, len(values)))
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return f"{values.mean():.3f} ({low:.3f}-{high:.3f})"


def ways(library: SkillLibrary, status: Any) -> dict[str, Callable[[str], list[str]]]:
    """Return ways to find names for a question, the library's own last."""
    pool = library._pool_of(Query(text="", status=status))
    found = [library.version(key) for key in pool.keys]
    names = [one.name for one in found]
    embedder = library._findable.embedder
    plain = embedder.embed([f"{one.name}: {one.description}" for one in found])
    bare = okapi([f"{one.name} {one.description}" for one in found])

    def best(scores: Any) -> list[str]:
        return [names[row] for row in np.argsort(-scores, kind="stable")[:K]]

    def dense(question: str) -> Any:
        return plain @ embedder.embed([question])[0]

    def fused(question: str) -> list[str]:
        ranks = [np.argsort(np.argsort(-scores, kind="stable")) for scores in (dense(question), bare(question))]
        return best(sum(1 / (61 + rank) for rank in ranks))

    def whole(question: str) -> list[str]:
        return [hit.skill.name for hit in library.retrieve(Query(text=question, status=status), k=K)]

    return {
        'dense, "name: description"': lambda question: best(dense(question)),
        'BM25, "name description"': lambda question: best(bare(question)),
        "plain rank fusion of the two": fused,
        "our words alone": lambda question: best(pool.lexicon.scores(terms(question))),
        "`retrieve`": whole,
    }


def okapi(texts: Sequence[str], k1: float = 1.5, b: float = 0.75) -> Callable[[str], Any]:
    """Return BM25 as it is usually found: words between blanks and signs, in lower case."""
    documents = [_split(text) for text in texts]
    lengths = np.array([len(document) for document in documents], dtype=float)
    counts: dict[str, dict[int, int]] = {}
    for row, document in enumerate(documents):
        for word in document:
            at = counts.setdefault(word, {})
            at[row] = at.get(row, 0) + 1

    def scores(question: str) -> Any:
        found = np.zeros(len(texts))
        for word in _split(question):
            at = counts.get(word, {})
            rows, times = np.array(list(at), dtype=int), np.array(list(at.values()), dtype=float)
            idf = np.log(1 + (len(texts) - len(at) + 0.5) / (len(at) + 0.5))
            found[rows] += idf * times * (k1 + 1) / (times + k1 * (1 - b + b * lengths[rows] / lengths.mean()))
        return found

    return scores


def _split(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()


# ---- sets


def questions(file: Path) -> list[tuple[str, frozenset[str]]]:
    """Return labelled questions."""
    return [(line["question"], frozenset(line["names"])) for line in _lines(file)]


def own(functions: Path, asked: Path) -> Labelled:
    """Return a set from two files."""
    found = [Function(line["name"], line["description"], line.get("parameters", {})) for line in _lines(functions)]
    return Labelled(found, questions(asked))


def bfcl(data: Path) -> dict[str, Labelled]:
    """Return the sets of the Berkeley Function Calling Leaderboard: all functions of its categories, pooled."""
    single, live, turns = pooled(data, SINGLE), pooled(data, LIVE), conversations(data)
    return {"BFCL, single": single, "BFCL, live": live, "BFCL, conversations": turns, "BFCL, all": _joined(single, live, turns)}


def _joined(*sets: Labelled) -> Labelled:
    functions = dict.fromkeys((one.name, one.description, tuple(one.parameters.items())) for part in sets for one in part.functions)
    asked = [question for part in sets for question in part.questions]
    return Labelled([Function(name, about, dict(parameters)) for name, about, parameters in functions], asked)


def pooled(data: Path, categories: Sequence[str]) -> Labelled:
    """Return the functions of categories, and the questions whose right functions are known."""
    functions: dict[tuple[str, str], Function] = {}
    asked = []
    for category in categories:
        answers = data / "possible_answer" / f"BFCL_v4_{category}.json"
        right = {line["id"]: line["ground_truth"] for line in _lines(answers)} if answers.exists() else {}
        for line in _lines(data / f"BFCL_v4_{category}.json"):
            for one in line["function"]:
                functions.setdefault((one["name"], one["description"]), _function(one))
            said = _said(line["question"][0])
            if said and line["id"] in right:
                asked.append((said, frozenset(name for call in right[line["id"]] for name in call)))
    return Labelled(list(functions.values()), asked)


def conversations(data: Path) -> Labelled:
    """Return the functions of the simulated services, and each turn of a conversation with those it calls."""
    files = sorted((data / "multi_turn_func_doc").glob("*.json"))
    functions = {one["name"]: _function(one) for file in files for one in _lines(file)}
    right = {line["id"]: line["ground_truth"] for line in _lines(data / "possible_answer" / "BFCL_v4_multi_turn_base.json")}
    asked = []
    for line in _lines(data / "BFCL_v4_multi_turn_base.json"):
        for turn, calls in zip(line["question"], right[line["id"]], strict=False):
            names = frozenset(call.split("(")[0] for call in calls) & functions.keys()
            if names and (said := _said(turn)):
                asked.append((said, frozenset(names)))
    return Labelled(list(functions.values()), asked)


def _said(turn: list[dict[str, str]]) -> str:
    return next((message["content"] for message in reversed(turn) if message["role"] == "user"), "")


def _function(one: dict[str, Any]) -> Function:
    return Function(one["name"], one["description"], dict(_parameters(one["parameters"])))


def _parameters(schema: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, about in (schema.get("properties") or {}).items():
        choices = f" ({', '.join(map(str, about['enum']))})" if about.get("enum") else ""
        yield name, f"{about.get('description', '')}{choices}"
        yield from _parameters(about)


def distinct(labelled: Labelled) -> Labelled:
    """Return a set in which what differs in its name alone is there once, under the first name, with questions to match.

    A library refuses the same text under a second name.
    """
    first: dict[str, str] = {}
    once: dict[str, Function] = {}
    for one in labelled.functions:
        known = once.setdefault(skill(one).text or "", one)
        first.setdefault(one.name, known.name)
    return Labelled(
        list(once.values()), [(said, frozenset(first.get(name, name) for name in right)) for said, right in labelled.questions]
    )


def _lines(file: Path) -> list[Any]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


if __name__ == "__main__":
    main()
