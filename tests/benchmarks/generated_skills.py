"""Skills by the hundred thousand that resemble real ones: names, parameters, contracts, calls, several environments.

Words are drawn with the uneven frequencies of real libraries, so many skills are near neighbours of others.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Provenance, Provision, Skill

WORLDS: dict[str, tuple[list[str], list[str], list[str]]] = {
    "crafting": (
        ["collect", "craft", "place", "smelt", "plant", "harvest", "dig", "build", "repair", "carry", "store", "trade"],
        [
            "wood",
            "stone",
            "iron",
            "coal",
            "sapling",
            "water",
            "bread",
            "rope",
            "torch",
            "fence",
            "ladder",
            "furnace",
            "lantern",
            "bucket",
            "glass",
            "brick",
            "arrow",
        ],
        [
            "in the cave",
            "near the lake",
            "before nightfall",
            "at the camp",
            "with an axe",
            "without losing health",
            "from the chest",
            "on the hill",
        ],
    ),
    "browser": (
        ["visit", "search", "filter", "sort", "download", "upload", "submit", "bookmark", "compare", "export", "archive", "share"],
        [
            "invoice",
            "order",
            "basket",
            "profile",
            "ticket",
            "report",
            "calendar",
            "message",
            "product",
            "review",
            "coupon",
            "page",
            "form",
            "table",
        ],
        [
            "in the shop",
            "of the last month",
            "as an administrator",
            "without signing in",
            "by date",
            "for one customer",
            "as a CSV file",
        ],
    ),
    "kitchen": (
        ["bake", "boil", "slice", "mix", "fry", "peel", "serve", "chill", "measure", "heat", "wash", "stir"],
        [
            "bread",
            "soup",
            "onion",
            "potato",
            "dough",
            "egg",
            "salad",
            "rice",
            "tomato",
            "tea",
            "sauce",
            "fish",
            "pan",
            "kettle",
            "plate",
        ],
        ["for two people", "in the oven", "with a clean knife", "until it is golden", "on the counter", "before the guests come"],
    ),
    "shell": (
        ["list", "copy", "compress", "locate", "rename", "delete", "count", "merge", "split", "watch", "convert", "encrypt"],
        [
            "file",
            "folder",
            "log",
            "archive",
            "image",
            "dataset",
            "branch",
            "container",
            "process",
            "table",
            "certificate",
            "backup",
        ],
        [
            "older than a week",
            "over the network",
            "larger than a limit",
            "matching a pattern",
            "in every subfolder",
            "as another user",
        ],
    ),
}
TAGS = ("quick", "costly", "safe", "draft", "curated")
MATERIALS = [
    "small",
    "large",
    "old",
    "new",
    "broken",
    "spare",
    "heavy",
    "light",
    "first",
    "last",
    "nearest",
    "hidden",
    "red",
    "green",
    "blue",
    "empty",
    "full",
    "rare",
]
COUNTS = ("", " twice", " three times", " five times")


def skills(n: int, *, seed: int = 0) -> Iterator[Skill]:
    """Yield n skills, callees before callers; equal arguments give equal skills."""
    draw = random.Random(seed)
    known: dict[str, list[Skill]] = {environment: [] for environment in WORLDS}
    for number in range(n):
        environment = draw.choice(list(WORLDS))
        skill = _skill(draw, environment, number, known[environment])
        known[environment].append(skill)
        yield skill


def tag(skill: Skill) -> str:
    """Return the tag of a skill."""
    return TAGS[int(skill.name.rpartition("_")[2], 36) % len(TAGS)]


def questions(n: int, *, seed: int = 1) -> list[str]:
    """Return n queries as an agent or a person would put them; none is the text of a skill."""
    draw = random.Random(seed)
    return [_question(draw) for _ in range(n)]


def _question(draw: random.Random) -> str:
    verbs, things, places = WORLDS[draw.choice(list(WORLDS))]
    number = draw.randint(2, 9)
    return f"{draw.choice(verbs)} {number} {draw.choice(MATERIALS)} {_uneven(draw, things)}s {draw.choice(places)}"


def _uneven(draw: random.Random, words: list[str]) -> str:
    return words[min(int(draw.expovariate(0.25)), len(words) - 1)]


def _skill(draw: random.Random, environment: str, number: int, known: list[Skill]) -> Skill:
    verbs, things, places = WORLDS[environment]
    verb, thing, other = _uneven(draw, verbs), _uneven(draw, things), draw.choice(things)
    material, place, count = draw.choice(MATERIALS), draw.choice(places), draw.choice(COUNTS)
    name = f"{verb}_{material}_{thing}_{_base36(number)}"
    callees = sorted({one.name: one for one in draw.sample(known, k=min(len(known), draw.choice((0, 0, 1, 2))))}.items())
    body = [f"    {callee}()" for callee, _ in callees] + [
        f"    {verb}('{thing}', amount)",
        f"    keep('{other}', {draw.randint(1, 9)})",
    ]
    doc = f"{verb.capitalize()} the {material} {thing}{count} {place}, and keep the {other}."
    source = f'def {name}(amount: int = {draw.randint(1, 5)}):\n    """{doc}"""\n' + "\n".join(body) + "\n"
    program = Program.parse(source)
    return Skill(
        name=name,
        description=doc,
        program=program,
        contract=Contract(
            parameters=program.parameters,
            requires=(f"before.inventory.{other} >= 1",) if draw.random() < 0.5 else (),
            provides=(Provision(check=f"after.inventory.{thing} >= amount", parameters=("amount",)),),
            capabilities=tuple(sorted({verb, "keep"})),
        ),
        calls=tuple(Callee(name=callee, code_hash=one.code_hash) for callee, one in callees),
        environment=environment,
        provenance=Provenance(writer="generated", environment=environment),
    )


def _base36(number: int) -> str:
    digits = ""
    while True:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
        if not number:
            return digits
