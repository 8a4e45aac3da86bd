"""One skill ↔ one SKILL.md folder."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from skilllib.errors import ImportRefused, InvalidRecord
from skilllib.exchange import frontmatter, wording
from skilllib.exchange.container import HEAD, Folder
from skilllib.exchange.names import identifier, refuse_illegal
from skilllib.exchange.packing import Packed, from_outside, read, verified
from skilllib.library import SkillLibrary
from skilllib.records.base import Record, canonical, content_hash
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, KeptTest, Provenance, Resource, Skill

FORMAT = "1"
_OURS = "skilllib-"
_TESTS, _EFFECTS = "references/tests.jsonl", "references/effects.md"
CHANGED = "what was changed in SKILL.md after its export (without its skilllib- fields it is imported as it stands there)"
_HASHES = ("code_hash", "version_hash")


class Origin(Record):
    """What hangs on a skill and is no part of its identity."""

    description: str = ""
    environment: str = ""
    provenance: Provenance = Provenance()


class Declared(Record):
    """What the code hash covers besides the source."""

    contract: Contract = Contract()
    calls: tuple[Callee, ...] = ()


def files(library: SkillLibrary, found: Packed, folders: Mapping[str, str]) -> dict[str, bytes]:
    """Return the files of a skill's folder, by path within it.

    Args:
        library: Where its measurements are.
        found: The skill with its tests.
        folders: Code hash → folder name, of it and of all it calls.
    """
    skill = found.skill
    name = folders[skill.code_hash]
    code = _code_path(name)
    text = wording.body(library, skill, code=code, folders=folders) if skill.text is None else skill.text
    made: dict[str, str] = {}
    if skill.program is not None:
        made[code] = skill.program.source
    if found.tests:
        made[_TESTS] = "".join(f"{canonical(test.model_dump(mode='json'))}\n" for test in found.tests)
    if effects := library.effects(skill.code_hash):
        made[_EFFECTS] = wording.effects_page(skill, effects)
    made[HEAD] = frontmatter.written(_fields(skill, name, text, sorted(made)), text)
    further = {one.path: one.data for one in found.resources}
    return further | {path: text.encode() for path, text in made.items()}


def unpacked(folder: Folder) -> tuple[Packed, tuple[str, ...]]:
    """Return the skill of a folder with its further files, and what is not kept: files that are too large, changes to our words.

    Raises:
        ImportRefused: With the reason; one that we wrote must be as we wrote it.
    """
    if folder.fault:
        raise ImportRefused(folder.fault)
    head = HEAD if HEAD in folder.files else HEAD.lower()
    fields, body = frontmatter.split(_text(folder, head) or "")
    name, metadata = str(fields["name"]), fields.get("metadata", {})
    refuse_illegal(name)
    if folder.name is not None and folder.name != name:
        raise ImportRefused(f"the folder is called {folder.name!r} and the skill in it {name!r}; give both one name")
    if isinstance(metadata, dict) and f"{_OURS}format" in metadata:
        ours = {key.removeprefix(_OURS): value for key, value in metadata.items() if key.startswith(_OURS)}
        written = _written(ours, name)
        further, large = _further(folder, {head, *written})
        changed = (CHANGED,) if ours.get("shown") not in (None, _shown(fields, body)) else ()
        return _ours(folder, name, ours, body, further), (*large, *changed)
    further, large = _further(folder, {head})
    return verified(Packed(skill=_foreign(name, fields, body), resources=further), {}), large


def _written(ours: Mapping[str, str], name: str) -> set[str]:
    """Return the paths of what an export makes beside the head; what else bears such a name is a file like any other."""
    reserved = {_code_path(name), _TESTS, _EFFECTS}
    return reserved & set(ours["files"].split()) if "files" in ours else reserved


def _shown(fields: frontmatter.Fields, body: str) -> str:
    """Return a hash over what a reader sees of a SKILL.md, which an import does not look at."""
    metadata = fields.get("metadata", {})
    inner = metadata if isinstance(metadata, dict) else {}
    theirs = {key: value for key, value in inner.items() if not key.startswith(_OURS)}
    return content_hash([{**fields, "metadata": theirs}, body.replace("\r\n", "\n")])


def _further(folder: Folder, known: Collection[str]) -> tuple[tuple[Resource, ...], tuple[str, ...]]:
    """Return the files of a folder besides those that are known, and which of them are too large."""
    found = {path: folder.files[path] for path in sorted(folder.files.keys() - set(known))}
    kept = tuple(Resource(path=path, data=data) for path, data in found.items() if data is not None)
    return kept, tuple(path for path, data in found.items() if data is None)


def _code_path(name: str) -> str:
    return f"scripts/{name.replace('-', '_')}.py"


def _fields(skill: Skill, name: str, body: str, made: Sequence[str]) -> frontmatter.Fields:
    theirs = {key: value for key, value in skill.provenance.frontmatter.items() if "---" not in key + value}
    inner = {key.removeprefix("metadata."): value for key, value in theirs.items() if key.startswith("metadata.")}
    origin = Origin(description=skill.description, environment=skill.environment, provenance=skill.provenance)
    ours = {
        "format": FORMAT,
        "name": skill.name,
        "version": str(skill.version),
        **{kind.replace("_", "-"): getattr(skill, kind) for kind in _HASHES},
        "declared": _json(Declared(contract=skill.contract, calls=skill.calls)),
        "origin": _json(origin),
        "files": " ".join(made),
        **({} if skill.text is None else {"text": "body"}),
    }
    outer = {key: value for key, value in theirs.items() if not key.startswith("metadata.")}
    fields: frontmatter.Fields = {"name": name, "description": wording.summary(skill), **outer, "metadata": inner}
    ours["shown"] = _shown(fields, body)
    return {**fields, "metadata": {**inner, **{f"{_OURS}{key}": value for key, value in ours.items()}}}


def _json(record: Record) -> str:
    # Three hyphens would end the head for the reference validator; in JSON they stand within a string.
    return canonical(record.model_dump(mode="json")).replace("---", "\\u002d" * 3)


def _ours(folder: Folder, name: str, ours: Mapping[str, str], body: str, further: tuple[Resource, ...]) -> Packed:
    written = _written(ours, name)
    if ours["format"] != FORMAT:
        raise ImportRefused(f"it was written in format {ours['format']!r}; this skilllib reads {FORMAT!r}: upgrade it")
    needed = ("name", "code-hash", "version-hash", "declared", "origin")
    if missing := [key for key in needed if key not in ours]:
        raise ImportRefused(f"SKILL.md has {_OURS}format and no {_OURS}{missing[0]}")
    origin, declared = read(Origin, ours["origin"], f"{_OURS}origin"), read(Declared, ours["declared"], f"{_OURS}declared")
    tests = tuple(
        read(KeptTest, line, _TESTS)
        for line in (_text(folder, _TESTS) or "" if _TESTS in written else "").split("\n")
        if line.strip()
    )
    hashes = {kind: ours[kind.replace("_", "-")] for kind in _HASHES}
    made: list[Skill] = []
    for ends in ("\r\n", "\n"):  # a checkout may have changed the ends of lines; the hash says which ones are right
        code = _text(folder, _code_path(name)) if _code_path(name) in written else None
        text = body if "text" in ours else None
        try:
            skill = Skill(
                name=ours["name"],
                description=origin.description,
                program=None if code is None else Program.parse(code.replace("\r\n", ends)),
                text=None if text is None else text.replace("\r\n", ends),
                contract=declared.contract,
                calls=declared.calls,
                environment=origin.environment,
                provenance=origin.provenance,
            )
        except (InvalidRecord, ValueError) as error:
            raise error if isinstance(error, ImportRefused) else ImportRefused(f"{ours['name']!r}: {error}") from None
        made.append(from_outside(skill))
    right = [skill for skill in made if skill.version_hash == hashes["version_hash"]]
    return verified(Packed(skill=(right or made)[0], tests=tests, resources=further), hashes)


def _foreign(name: str, fields: frontmatter.Fields, body: str) -> Skill:
    text = body.replace("\r\n", "\n").strip()
    if not text:
        raise ImportRefused("SKILL.md has no body: there is nothing in it to follow")
    kept = {key: value for key, value in fields.items() if isinstance(value, str) and key not in ("name", "description")}
    metadata = fields.get("metadata", {})
    inner = {f"metadata.{key}": value for key, value in metadata.items()} if isinstance(metadata, dict) else {}
    return Skill(
        name=identifier(name),
        description=" ".join(str(fields["description"]).split()),
        text=f"{text}\n",
        provenance=Provenance(writer="imported", frontmatter={**kept, **inner}),
    )


def _text(folder: Folder, path: str) -> str | None:
    if path not in folder.files:
        return None
    data = folder.files[path]
    if data is None:
        raise ImportRefused(f"{path} is too large to be read")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ImportRefused(f"{path} is not UTF-8: byte {error.start} is 0x{data[error.start]:02x}") from None
