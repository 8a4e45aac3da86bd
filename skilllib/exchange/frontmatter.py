"""The head of a SKILL.md: the small part of YAML that the specification needs, and nothing else of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import yaml

from skilllib.errors import ImportRefused
from skilllib.exchange.hidden import refuse_hidden

Fields: TypeAlias = dict[str, "str | dict[str, str]"]
MOST = 200_000
"""Characters of a head."""
LENGTHS = {"description": 1024, "compatibility": 500}
"""Characters of a value, by the specification."""
_TEXTS = ("name", "description", "license", "compatibility", "allowed-tools")
_PARTS = re.compile(r"\A---[ \t]*\r?\n(.*?)^---[ \t]*(?:\r?\n|\Z)(.*)\Z", re.DOTALL | re.MULTILINE)


def split(text: str) -> tuple[Fields, str]:
    """Return the fields of a SKILL.md and its body, which is not touched.

    Raises:
        ImportRefused: With the line.
    """
    refuse_hidden(text, "SKILL.md")
    found = _PARTS.match(text)
    if found is None:
        raise ImportRefused("SKILL.md has no head: it begins with a line `---`, fields, and another line `---`")
    head, body = found.groups()
    if len(head) > MOST:
        raise ImportRefused(f"the head of SKILL.md has {len(head)} characters; at most {MOST} are read")
    fields = _fields(head)
    _refuse_unknown(fields)
    return fields, body


def written(fields: Mapping[str, str | Mapping[str, str]], body: str) -> str:
    """Return a SKILL.md. No value may hold three hyphens: the reference validator ends the head there."""
    head = yaml.safe_dump(dict(fields), sort_keys=False, allow_unicode=True, width=10**9, default_flow_style=False)
    return f"---\n{head}---\n{body}"


def _fields(head: str) -> Fields:
    events = _plain(yaml.parse(head, Loader=yaml.SafeLoader))
    try:
        event = next(events, None)
        if not isinstance(event, yaml.MappingStartEvent):
            raise ImportRefused("the head of SKILL.md is not a list of `key: value`")
        found = dict(_pairs(events, nested=False))
        if next(events, None) is not None:
            raise ImportRefused("the head of SKILL.md goes on after its fields")
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}: " if mark else ""
        raise ImportRefused(f"SKILL.md: {where}not valid YAML: {getattr(error, 'problem', None) or error}") from None
    return found


def _plain(events: Iterator[yaml.Event]) -> Iterator[yaml.Event]:
    """Yield the events that carry something; refuse what would make the head mean more than it shows."""
    for event in events:
        if isinstance(event, yaml.StreamStartEvent | yaml.StreamEndEvent | yaml.DocumentStartEvent | yaml.DocumentEndEvent):
            continue
        if getattr(event, "anchor", None):
            raise ImportRefused(f"SKILL.md: line {_line(event)}: anchors and aliases are not allowed")
        if tag := getattr(event, "tag", None):
            raise ImportRefused(f"SKILL.md: line {_line(event)}: tags such as {tag!r} are not allowed")
        yield event


def _pairs(events: Iterator[yaml.Event], *, nested: bool) -> Iterator[tuple[str, str | dict[str, str]]]:
    seen: set[str] = set()
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            return
        if not isinstance(event, yaml.ScalarEvent):
            raise ImportRefused(f"SKILL.md: line {_line(event)}: a key is a word")
        if event.value in seen:
            raise ImportRefused(f"SKILL.md: line {_line(event)}: {event.value!r} stands there twice")
        seen.add(event.value)
        yield event.value, _value(next(events), events, event.value, nested=nested)


def _value(event: yaml.Event, events: Iterator[yaml.Event], key: str, *, nested: bool) -> str | dict[str, str]:
    if isinstance(event, yaml.ScalarEvent):
        return str(event.value)
    if isinstance(event, yaml.MappingStartEvent) and not nested:
        return {name: value for name, value in _pairs(events, nested=True) if isinstance(value, str)}
    kind = "a list" if isinstance(event, yaml.SequenceStartEvent) else "nested"
    raise ImportRefused(f"SKILL.md: line {_line(event)}: {key!r} is {kind}; the specification has a text there")


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 2 if event.start_mark else 2  # the head begins on the second line


def _refuse_unknown(fields: Fields) -> None:
    if unknown := sorted(set(fields) - {*_TEXTS, "metadata"}):
        raise ImportRefused(f"SKILL.md: {unknown[0]!r} is no field of the specification; move it under `metadata`")
    for key, value in fields.items():
        if isinstance(value, str) != (key != "metadata"):
            raise ImportRefused(f"SKILL.md: {key!r} is {'a text' if key == 'metadata' else 'no text'}")
    for key in ("name", "description"):
        if not str(fields.get(key, "")).strip():
            raise ImportRefused(f"SKILL.md has no {key}")
    for key, most in LENGTHS.items():
        if len(str(fields.get(key, ""))) > most:
            raise ImportRefused(f"SKILL.md: {key!r} has more than {most} characters")
