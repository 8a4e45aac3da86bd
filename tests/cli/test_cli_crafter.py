"""The command line in Crafter: a short run, its report with pictures, and a moving picture."""

from __future__ import annotations

from pathlib import Path

from command_door import Door

from skilllib.runs import RunFolder

LEARN = ("learn", "crafter", "--embedder", "hashing", "--jobs", 1, "--quiet")


def test_crafter_is_learned_reported_and_filmed(door: Door) -> None:
    from PIL import Image

    code, _, err = door(*LEARN, "--max-attempts", 7, "--seed", 3, "-O", "length=120")
    assert code == 0, err
    written = door.json("report", "runs/crafter-s3-1")
    page = Path("runs/crafter-s3-1/report.html").read_text(encoding="utf-8")
    reached = RunFolder.open("runs/crafter-s3-1").summary()["milestones_reached"]
    assert page.count("data:image/png;base64,") == written["pictures"] == len({one["attempt"] for one in reached})
    skills = door.json("list")
    if not skills:
        return  # nothing was learned in so short a time; the pictures above are what this test is about
    name = skills[0]["name"]
    assert door("run", name, "--gif", "film.gif")[0] in (0, 1)
    with Image.open("film.gif") as film:
        assert film.n_frames >= 2
