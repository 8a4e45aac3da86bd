"""A language model that knows how to bake: what it says follows from what it is asked, so that a run can go on anywhere."""

from __future__ import annotations

from skilllib.models.scripted import ScriptedModel
from skilllib.records.model import Request

TASKS = """you have some wheat | after.stock.wheat > before.stock.wheat
you have some firewood | after.stock.firewood > before.stock.firewood
you have flour | after.stock.flour > before.stock.flour
you have an egg | after.stock.egg > before.stock.egg
"""
CODE = '''```python
def get_{thing}() -> None:
    """Walk to the {place} and get {thing}."""
    walk(to="{place}")
    gather(crop="{thing}")
```'''
PLACES = {"wheat": "field", "egg": "coop", "firewood": "forest"}


def baker(name: str = "scripted") -> ScriptedModel:
    return ScriptedModel(answer, name=name)


def answer(request: Request) -> str:
    if request.purpose == "propose":
        return TASKS
    if request.purpose == "write":
        check = request.messages[-1].content.partition("Solved when: ")[2].partition("\n")[0]
        thing = next((thing for thing in PLACES if thing in check), "wheat")
        return CODE.format(thing=thing, place=PLACES[thing])
    return "Gather what the task names."
