"""Learn with a language model: what it proposes and writes, what that costs, its tape, and the run played again from it.

The model is a script, so no key and no server is needed. To ask a real one, leave out `model=` below and put a name of
litellm's into the options.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from skilllib import HashingEmbedder, Skill, learner, options
from skilllib.models import TapeFile
from skilllib.protocols import LanguageModel
from skilllib.records.model import Request
from skilllib.testing import ScriptedModel, make_bakery

PROPOSALS = """hold firewood | after.stock.firewood > before.stock.firewood
have room for flour | after.stock.flour >= 0
light the oven | after.oven.lit and not before.oven.lit"""
"""The second check is true before anything is done, so it is refused."""
PLACES = {"firewood": "forest", "wheat": "field", "egg": "coop"}


def says(request: Request) -> str:
    """Answer as a model might: every reply follows from the request alone, so that an interrupted run can go on."""
    asked = request.messages[-1].content
    if request.purpose == "propose":
        return PROPOSALS
    if request.purpose == "write":
        return written(asked.partition("Goal: ")[2].partition("\n")[0], asked)
    if request.purpose == "describe":
        return "Lights the oven." if "light()" in asked else next(f"Gathers {crop}." for crop in PLACES if crop in asked)
    return "Go where it is found first."


def written(goal: str, asked: str) -> str:
    """Write a program: a hasty one first, a better one when it failed, and one that calls a skill where there is one."""
    crop = next((crop for crop in PLACES if crop in goal), None)
    if crop is None and "oven" not in goal:
        return "I do not know how to do that."
    if crop is None:
        fetch = ["get_firewood()"] if "get_firewood()\n" in asked else ["walk('forest')", "gather('firewood')"]
        return block("light_oven", "Fetch firewood and light the oven.", *fetch, *fetch, "walk('kitchen')", "light()")
    first = [f"walk('{PLACES[crop]}')"] if "Why it failed" in asked else []
    return block(f"get_{crop}", f"Gather {crop}.", *first, f"gather('{crop}')")


def block(name: str, doc: str, *calls: str) -> str:
    """Return a reply that holds one function."""
    return "\n".join(["```python", f"def {name}() -> None:", f'    """{doc}"""', *(f"    {call}" for call in calls), "```"])


def nobody(name: str) -> LanguageModel:
    """Stand in for a model that must not be asked."""
    raise AssertionError("a replay asks nobody")


def tell(event: str, **fields: Any) -> None:
    """Print what happens."""
    for one in fields["refused"] if event == "proposed" else ():
        print(f"refused: {one['goal']} | {one['check']}: {one['reason']}")
    if event == "chosen":
        print(f"task: {fields['goal']} ({fields['reason']})")
    if event == "attempt":
        outcome = f"new skill, success ≥ {fields['lower_bound']:.0%}" if fields["skill"] else fields["reason"]
        print(f"  {fields['route']} {fields['program']}: {outcome}")


def learned(folder: Path, *, replay: bool) -> tuple[Skill, ...]:
    """Learn in the bakery, and return what became active; a replay asks no model."""
    chosen = options(
        environment="bakery",
        library=str(folder / ("again" if replay else "library")),
        model="scripted",
        max_attempts=4,
        honing=0.0,
        jobs=1,
        budget={"calls": 60},
        tape=str(folder / "tape.jsonl"),
        replay=replay,
    )
    made_by = nobody if replay else lambda name: ScriptedModel(says, name=name)
    recorder = (lambda event, **fields: None) if replay else tell
    with learner(chosen, recorder=recorder, run="first", embedder=HashingEmbedder(), world=make_bakery, model=made_by) as made:
        made.agent.learn(made.unfinished)
        progress, active = made.agent.progress, made.library.skills("active")
        print(f"{len(active)} active skills, {progress.model_calls} model calls, {progress.tokens} tokens")
        return active


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        first = learned(Path(temporary), replay=False)
        for skill in first:
            print(f"\n# {skill.description}\n{skill.program.source if skill.program else ''}")
        with TapeFile(Path(temporary) / "tape.jsonl") as tape:
            print("on the tape:", dict(Counter(request.purpose for request, _ in tape)))
        again = learned(Path(temporary), replay=True)
        print("the same skills from the tape alone:", bool(first) and again == first)
