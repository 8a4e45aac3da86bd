"""Two processes learn into one library at the same time: both finish, and nothing that either learned is lost."""

import subprocess
import sys
from pathlib import Path

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary

LEARN = """
import sys
from importlib.metadata import EntryPoint
from skilllib import registry
bakery = EntryPoint(name="bakery", value="skilllib.testing.bakery:make_bakery", group=registry.GROUP)
registry.entry_points = lambda group: [bakery]
from skilllib.cli import main
sys.argv = ["skilllib", "learn", "bakery", "--embedder", "hashing", "--jobs", "1", "--json", *sys.argv[1:]]
main()
"""


def test_two_learners_on_one_library_both_finish_and_lose_nothing(tmp_path: Path) -> None:
    commands = [[sys.executable, "-c", LEARN, "--max-attempts", "14", "--seed", str(seed)] for seed in (0, 0)]
    learners = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for command in commands
    ]
    told = [learner.communicate(timeout=240) for learner in learners]
    assert [learner.returncode for learner in learners] == [0, 0], [errors[-1500:] for _, errors in told]
    with SkillLibrary.open(tmp_path / "skill-library", embedder=HashingEmbedder()) as library:
        assert library.problems() == []
        assert sorted(library.runs()) == ["bakery-s0-1", "bakery-s0-2"]
        assert [library.attempt_count(run) for run in library.runs()] == [14, 14]
        admitted = {attempt.admitted for _, trace in library.traces() for attempt in trace.attempts if attempt.admitted}
        assert admitted and admitted <= {skill.version_hash for skill in library.skills()}
        assert {hit.skill.name for hit in library.search("bread", k=50)} == {skill.name for skill in library.skills("active")}
