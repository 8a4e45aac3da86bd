"""Look skills up by what they do: `python look_up_skills.py skill-library "make a stone pickaxe"`.

Without arguments it learns a little in a toy world first.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from skilllib import HashingEmbedder, SkillLibrary


def look_up(library: SkillLibrary, query: str) -> None:
    """Print the skills that fit best, what they promise and what they rest on."""
    for hit in library.search(query, k=3):
        skill = hit.skill
        print(f"{hit.score:.2f}  {skill.signature()}  {skill.description}")
        for provision in skill.contract.provides:
            print(f"      provides {provision.check} with {provision.arguments}")
        print(f"      proved: success rate above {library.statistics(skill.code_hash).lower_bound:.0%}")
        print(f"      calls {', '.join(callee.name for callee in skill.calls) or 'no other skill'}")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        with SkillLibrary.open(sys.argv[1]) as opened:
            look_up(opened, sys.argv[2])
    else:
        from learn_bakery import learn

        with tempfile.TemporaryDirectory() as folder:
            learn(Path(folder) / "library", attempts=15)
            with SkillLibrary.open(Path(folder) / "library", embedder=HashingEmbedder(), index="exact") as learned:
                look_up(learned, "get some flour")
