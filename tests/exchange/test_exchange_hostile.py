"""Whatever is handed over is taken in or refused with its reason, and nothing is half done."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import re
import stat
import tarfile
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from outside import FolderMaker

from skilllib.errors import ImportRefused
from skilllib.exchange import container, take_in
from skilllib.library import SkillLibrary

GOOD = b"---\nname: good\ndescription: Good.\n---\nBe good.\n"


def refusal(library: SkillLibrary, path: Path) -> str:
    """Return why a place is refused, as a whole or in its one folder; the library stays empty."""
    try:
        taken = take_in(library, path)
        assert not taken.imported
        reason = taken.refused[0].reason
    except ImportRefused as error:
        reason = str(error)
    assert not library.skills() and not library.ledger()
    return reason


# --- The head ---------------------------------------------------------------------------------------------------------

OK = "name: tie-knots\ndescription: How.\n"


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        ("name: [tie-knots\n", "'name' is a list"),
        ("name: {tie-knots\n", "not valid YAML|nested"),
        ("name: 'tie-knots\n", "line 3: not valid YAML"),
        ("name: tie-knots\n\tdescription: x\n", "line 3"),
        ("name: tie-knots\ndescription: a: b\n", "not valid YAML"),
        ("- name\n- description\n", "not a list of `key: value`"),
        ("just text\n", "not a list of `key: value`"),
        ("", "not a list of `key: value`"),
        (OK + "license: &a MIT\n", "line 4: anchors"),
        (OK + "license: &a MIT\ncompatibility: *a\n", "anchors"),
        (OK + "license: *nowhere\n", "anchors"),
        (OK + "metadata: &m {a: b}\n", "anchors"),
        (OK + "metadata:\n  <<: *m\n", "anchors"),
        (OK + "license: !!python/object/apply:os.system ['true']\n", "tags"),
        (OK + "license: !secret MIT\n", "tags"),
        (OK + "name: tie-knots\n", "line 4: 'name' stands there twice"),
        (OK + "metadata:\n  a: '1'\n  a: '2'\n", "'a' stands there twice"),
        (OK + 'metadata: {"a": "1", a: "2"}\n', "'a' stands there twice"),
        (OK + "allowed-tools:\n  - Read\n", "'allowed-tools' is a list"),
        (OK + "metadata:\n  a:\n    b: c\n", "'a' is nested"),
        (OK + "metadata: yes\n", "'metadata' is a text"),
        (OK + "license:\n  a: b\n", "'license' is no text"),
        (OK + "version: '1'\n", "'version' is no field of the specification"),
        (OK + "? [a, b]\n: c\n", "a key is a word"),
        (OK + "...\nname: other\n", "not valid YAML"),
        (OK + "...\n--- {name: other}\n", "goes on after its fields"),
        ("name: tie-knots\ndescription: ''\n", "no description"),
        ("name: tie-knots\n", "no description"),
        ("description: How.\n", "no name"),
        ("name: tie-knots\ndescription: " + "x" * 1025 + "\n", "more than 1024"),
        (OK + f"compatibility: {'x' * 501}\n", "more than 500"),
        (OK + f"license: {'x' * 300_000}\n", "at most 200000"),
        (OK + "license: " + "[" * 90_000 + "\n", "is a list"),
        (OK + "license: " + "{" * 90_000 + "\n", "is nested|is no text|a key is a word"),
        (OK + "metadata:\n  skilllib-format: '1'\n", "no skilllib-name"),
        (OK + "metadata:\n  skilllib-format: '9'\n", "upgrade"),
        (OK + 'license: "a\\u202Eb"\n', "invisible"),
        (OK + 'license: "a\\ud800b"\n', "invisible"),
        (OK + 'license: "a\\eb"\n', "invisible"),
    ],
)
def test_a_head_that_is_not_plain_is_refused_with_the_reason(
    library: SkillLibrary, folder: FolderMaker, head: str, reason: str
) -> None:
    started = time.monotonic()
    assert re.search(reason, refusal(library, folder(head=head)))
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("name", ["Tie-Knots", "tie_knots", "tie--knots", "-tie", "tie-", "tie knots", "t" * 65, "tie.knots", "ﬁt"])
def test_illegal_names_are_refused(library: SkillLibrary, folder: FolderMaker, name: str) -> None:
    assert "the name" in refusal(library, folder(name))


@pytest.mark.parametrize(
    "contents", [b"", b"No head.\n", b"---\nname: a\n", b"---\nname: a\ndescription: b\n---\n \n\t\n", b"\n---\n---\n"]
)
def test_a_file_without_head_or_body_is_refused(library: SkillLibrary, folder: FolderMaker, contents: bytes) -> None:
    path = folder("a")
    (path / "SKILL.md").write_bytes(contents)
    assert "SKILL.md" in refusal(library, path)


@pytest.mark.parametrize("data", [b"\xff\xfe", "Süß".encode("latin-1"), "---".encode("utf-16"), b"\xed\xa0\x80", b"\xc0\xaf"])
def test_what_is_not_utf8_is_refused(library: SkillLibrary, folder: FolderMaker, data: bytes) -> None:
    path = folder()
    (path / "SKILL.md").write_bytes((path / "SKILL.md").read_bytes() + data)
    assert "not UTF-8" in refusal(library, path)


HIDDEN = "\u202e\u2066\u200b\u200d\u2060\ufeff\u00ad\u061c\x00\x1b\x07\x85\u2028\U000e0041\ufe0e\ufe0f\U000e0100\u3164\u034f\ue000"


@pytest.mark.parametrize("character", HIDDEN, ids=lambda character: f"U+{ord(character):04X}")
def test_a_character_that_nobody_sees_is_refused_in_texts_and_file_names(
    library: SkillLibrary, folder: FolderMaker, character: str
) -> None:
    assert f"U+{ord(character):04X}" in refusal(library, folder(body=f"Tie{character}them.\n"))
    assert (
        f"U+{ord(character):04X}" in refusal(library, folder(body="x\n", files={f"a{character}b": b""}))
        if character != "\0"
        else True
    )


@pytest.mark.parametrize("size", [container.MAX_FILE + 1, 10_000_000])
def test_a_large_head_is_refused_and_a_large_resource_is_left_out(library: SkillLibrary, folder: FolderMaker, size: int) -> None:
    assert "too large" in refusal(library, folder(body="x" * size))
    (one,) = take_in(library, folder("other", files={"assets/film.bin": b"\0" * size})).imported
    assert one.left_out == ("assets/film.bin",)


# --- Folders ----------------------------------------------------------------------------------------------------------


def test_links_are_not_followed(library: SkillLibrary, folder: FolderMaker, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("password", encoding="utf-8")
    path = folder()
    (path / "references").symlink_to(tmp_path)
    assert "'references' is a link" in refusal(library, path)
    (path / "references").unlink()
    os.link(secret, path / "more.md")
    assert "'more.md' is a hard link" in refusal(library, path)
    (path / "more.md").unlink()
    (path / "SKILL.md").unlink()
    (path / "SKILL.md").symlink_to(secret)
    assert "'SKILL.md' is a link" in refusal(library, path)


def test_a_fifo_is_not_opened(library: SkillLibrary, folder: FolderMaker) -> None:
    path = folder()
    os.mkfifo(path / "wait")
    assert "neither a file nor a folder" in refusal(library, path)


def test_a_link_to_a_folder_of_skills_is_not_entered(library: SkillLibrary, folder: FolderMaker, tmp_path: Path) -> None:
    folder()
    (tmp_path / "entry").mkdir()
    (tmp_path / "entry/link").symlink_to(tmp_path / "outside")
    assert "holds no SKILL.md" in refusal(library, tmp_path / "entry")


def test_a_loop_of_folders_and_endless_depth_end(library: SkillLibrary, tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    inner = deep / "/".join("d" * 40)
    inner.mkdir(parents=True)
    (inner / "SKILL.md").write_bytes(GOOD)
    (deep / "loop").symlink_to(deep)
    assert "levels" in refusal(library, deep)


def test_two_names_that_differ_in_case_alone_are_refused(library: SkillLibrary, folder: FolderMaker) -> None:
    assert "case does not count" in refusal(library, folder(files={"Notes/a.md": b"", "notes/b.md": b""}))
    path = folder("other", files={"skill.md": b"---\nname: other\ndescription: Else.\n---\nElse.\n"})
    assert "case does not count" in refusal(library, path)


def test_what_is_not_there_or_no_archive_is_refused(library: SkillLibrary, tmp_path: Path) -> None:
    assert "there is no" in refusal(library, tmp_path / "nowhere")
    for contents in (b"", b"hello", b"PK\x03\x04 broken", b"\x1f\x8b broken", b"BZh9 broken", bytes(10_000)):
        (tmp_path / "file").write_bytes(contents)
        assert refusal(library, tmp_path / "file")


# --- Archives ---------------------------------------------------------------------------------------------------------


def zipped(path: Path, files: dict[str, bytes], mode: int = 0o100644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo("placeholder")
            info.filename, info.compress_type, info.external_attr = name, zipfile.ZIP_DEFLATED, mode << 16
            archive.writestr(info, data)
    return path


@contextmanager
def tar(path: Path, mode: str = "w:gz") -> Iterator[tarfile.TarFile]:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("good/SKILL.md")
        member.size = len(GOOD)
        archive.addfile(member, io.BytesIO(GOOD))
        yield archive


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_of_any_kind_is_read(library: SkillLibrary, tmp_path: Path, mode: str) -> None:
    with tar(tmp_path / "a", mode):
        pass
    assert [one.skill.name for one in take_in(library, tmp_path / "a").imported] == ["good"]


@pytest.mark.parametrize("prefix", ["good/", "./good/", "repository-main/skills/good/", ""])
def test_a_skill_is_found_wherever_it_is_in_an_archive(library: SkillLibrary, tmp_path: Path, prefix: str) -> None:
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        member = tarfile.TarInfo(f"{prefix}SKILL.md")
        member.size = len(GOOD)
        archive.addfile(member, io.BytesIO(GOOD))
    assert [one.skill.name for one in take_in(library, tmp_path / "a.tar").imported] == ["good"]


BAD_NAMES = [
    "../evil",
    "good/../../evil",
    "/etc/passwd",
    "C:/evil",
    "a\\..\\evil",
    "good//evil",
    "good/./evil",
    "a\u202eb",
    "/".join("d" * 40),
    "n" * 2000,
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_an_archive_with_a_path_that_leads_elsewhere_is_refused_as_a_whole(
    library: SkillLibrary, tmp_path: Path, name: str
) -> None:
    assert refusal(library, zipped(tmp_path / "a.zip", {"good/SKILL.md": GOOD, name: b""}))
    with tar(tmp_path / "a.tgz") as archive:
        archive.addfile(tarfile.TarInfo(name))
    assert refusal(library, tmp_path / "a.tgz")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(library: SkillLibrary, tmp_path: Path, kind: bytes) -> None:
    with tar(tmp_path / "a.tgz") as archive:
        member = tarfile.TarInfo("good/more.md")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    assert "link or a device" in refusal(library, tmp_path / "a.tgz")


def test_links_in_a_zip_are_refused(library: SkillLibrary, tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"good/SKILL.md": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777)
    assert "link or a device" in refusal(library, path)


def test_an_encrypted_zip_is_refused(library: SkillLibrary, tmp_path: Path) -> None:
    data = bytearray(zipped(tmp_path / "a.zip", {"good/SKILL.md": GOOD}).read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    assert "encrypted" in refusal(library, tmp_path / "a.zip")


def test_the_same_path_twice_and_paths_that_differ_in_case_are_refused(library: SkillLibrary, tmp_path: Path) -> None:
    with tar(tmp_path / "a.tgz") as archive:
        archive.addfile(tarfile.TarInfo("good/SKILL.md"))
    assert "twice" in refusal(library, tmp_path / "a.tgz")
    assert "case" in refusal(library, zipped(tmp_path / "a.zip", {"good/SKILL.md": GOOD, "Good/more.md": b""}))


@pytest.mark.parametrize("kind", ["zip", "tar.gz", "tar.bz2"])
def test_a_bomb_is_refused_before_it_goes_off(
    library: SkillLibrary, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"bomb.{kind}"
    if kind == "zip":
        zipped(path, {"good/SKILL.md": GOOD, **{f"good/{i}": bytes(2_000_000) for i in range(3)}})
    else:
        with tar(path, "w:gz" if kind == "tar.gz" else "w:bz2") as archive:
            member = tarfile.TarInfo("good/zeros")
            member.size = 6_000_000
            archive.addfile(member, io.BytesIO(bytes(member.size)))
    read: list[int] = []
    bounded = container._bounded
    monkeypatch.setattr(container, "_bounded", lambda stream, most: (read.append(most), bounded(stream, most))[1])
    assert "times its size" in refusal(library, path)
    assert max(read) <= container.MAX_TOTAL


def test_a_header_that_claims_a_terabyte_costs_nothing(library: SkillLibrary, tmp_path: Path) -> None:
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_SPARSE):
        member = tarfile.TarInfo("good/SKILL.md")
        member.type, member.size = kind, 2**40
        (tmp_path / "a.tgz").write_bytes(gzip.compress(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024)))
        assert refusal(library, tmp_path / "a.tgz")


def test_an_archive_within_an_archive_is_a_file_like_any_other(library: SkillLibrary, tmp_path: Path) -> None:
    inner = zipped(tmp_path / "b.zip", {"evil/SKILL.md": GOOD}).read_bytes()
    (one,) = take_in(library, zipped(tmp_path / "a.zip", {"good/SKILL.md": GOOD, "good/b.zip": inner})).imported
    assert [(file.path, file.data) for file in library.resources(one.skill.version_hash)] == [("b.zip", inner)]


def test_too_many_files_are_refused(library: SkillLibrary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_ENTRIES", 100)
    files = {f"good/{i}": b"" for i in range(101)}
    assert "more than 100 files" in refusal(library, zipped(tmp_path / "a.zip", {"good/SKILL.md": GOOD, **files}))
    (tmp_path / "good").mkdir()
    for i in range(101):
        (tmp_path / "good" / str(i)).touch()
    (tmp_path / "good/SKILL.md").write_bytes(GOOD)
    assert "entries" in refusal(library, tmp_path / "good")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    cut=st.integers(0, 400),
    flips=st.lists(st.tuples(st.integers(0, 400), st.integers(1, 255)), max_size=4),
    kind=st.sampled_from(["zip", "tar", "bz2"]),
)
def test_a_damaged_archive_is_read_or_refused_and_nothing_else(
    library: SkillLibrary, tmp_path: Path, cut: int, flips: list[tuple[int, int]], kind: str
) -> None:
    path = tmp_path / f"a.{kind}"
    if kind == "zip":
        zipped(path, {"good/SKILL.md": GOOD})
    else:
        with tar(path, "w"):
            pass
    data = bytearray(path.read_bytes() if kind != "bz2" else bz2.compress(path.read_bytes()))
    for at, by in flips:
        data[at % len(data)] ^= by
    path.write_bytes(data[: len(data) - (cut if flips else 0) % len(data)])
    try:
        taken = take_in(library, path)
    except ImportRefused:
        return
    assert all(one.skill.program is None and one.skill.status == "trial" for one in taken.imported)
