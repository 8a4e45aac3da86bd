"""`skilllib report`."""

from __future__ import annotations

from pathlib import Path

from command_door import Door


def test_a_run_gets_a_page(learned: Door) -> None:
    code, out, err = learned("report", "runs/first")
    assert code == 0 and out.startswith("wrote"), err
    text = Path("runs/first/report.html").read_text(encoding="utf-8")
    names = [record["name"] for record in learned.json("list")]
    assert names and all(name in text for name in names)
    assert text.count("<svg") == 3 and "Learning curve" in text


def test_a_page_goes_where_it_is_told(learned: Door, tmp_path: Path) -> None:
    record = learned.json("report", "runs/first", "--output", tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size == record["bytes"]
    assert "StorageFailed" in learned.refuses("report", "runs/first", "--output", tmp_path / "no" / "page.html")


def test_a_page_is_possible_without_the_library(learned: Door) -> None:
    code, _, err = learned("report", "runs/first", "--library", "gone")
    assert code == 0 and "LibraryNotFound" in err


def test_a_folder_that_is_no_run_is_refused(door: Door, tmp_path: Path) -> None:
    assert "RunError" in door.refuses("report", tmp_path)
