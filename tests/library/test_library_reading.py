"""Skills are found by name, version and hash; closures come callees first."""

import ast

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from skilllib.embedders import HashingEmbedder
from skilllib.errors import InvalidRecord, LibraryDamaged, UnknownSkill
from skilllib.library import SkillLibrary, indexed_text, store, tables
from skilllib.library import graph as graphs
from skilllib.records.program import Program
from skilllib.records.skill import Callee, Contract, Effect, KeptTest, Provenance, Provision, Skill
from skilllib.records.world import Parameter


def test_a_reference_is_a_name_a_version_or_a_hash(library, make):
    first = make.active(library, "fetch")
    second = make.trial(library, make.program("fetch", salt="2"))
    assert library.get("fetch") == library.get("fetch@1") == library.get(f"fetch@{first.code_hash[:6]}") == first
    assert library.get("fetch@2") == library.get(second.code_hash[:8]) == library.get(second.version_hash) == second
    assert library.version(first.code_hash) == library.version(first.version_hash) == first
    make.activate(library, second)
    assert library.get("fetch").version == 2
    library.commit(make.change("retire", second), make.promote)
    assert library.get("fetch").version == 2, "without an active version the newest is meant"


@pytest.mark.parametrize(
    "ref", ["fetsh", "fetch@3", "fetch@zzzz", "fetch@", "@1", "", "0" * 64, "abcdef0", "fetch@ffffffff", "%", "_" * 9]
)
def test_an_unknown_reference_says_so(library, make, ref):
    make.active(library, "fetch")
    with pytest.raises(UnknownSkill):
        library.get(ref)


@pytest.mark.parametrize("ref", [None, 3, b"fetch", ["fetch"]])
def test_what_is_no_text_is_no_reference(library, make, ref):
    make.active(library, "fetch")
    for ask in (library.get, library.call):
        with pytest.raises(UnknownSkill, match="is no reference of a skill"):
            ask(ref)


def test_half_a_surrogate_pair_is_an_error_of_ours(library, make):
    make.active(library, "fetch")
    for ask in (library.get, library.history, library.version):
        with pytest.raises((UnknownSkill, InvalidRecord)):
            ask("fe\ud800ch")


def test_a_misspelt_name_is_answered_with_near_ones(library, make):
    make.active(library, "make_rope")
    with pytest.raises(UnknownSkill, match="'make_rope'"):
        library.get("make_rop")
    with pytest.raises(UnknownSkill, match="'make_rope'"):
        library.history("make_rop")


def test_only_active_names_are_resolved(library, make):
    fetch = make.active(library, "fetch")
    make.trial(library, make.program("make_rope"))
    assert library.resolve(["make_rope", "fetch", "walk"]) == {"fetch": fetch.code_hash}


def test_callers_and_the_graph_follow_calls(library, make):
    fetch = make.active(library, "fetch")
    rope = make.active(library, "make_rope", calls=["fetch"])
    swing = make.active(library, "make_swing", calls=["make_rope"])
    assert library.callers(fetch.code_hash) == (rope,)
    graph = library.graph()
    assert set(graph.edges) == {(rope.code_hash, fetch.code_hash), (swing.code_hash, rope.code_hash)}
    assert graph.nodes[fetch.code_hash] == {"name": "fetch", "version": 1, "status": "active"}
    assert [skill.name for skill in library.closure([swing.code_hash])] == ["fetch", "make_rope", "make_swing"]


@st.composite
def dags(draw):
    """Skills where number i calls only smaller numbers, and some roots."""
    size = draw(st.integers(1, 9))
    skills: list[Skill] = []
    for i in range(size):
        callees = draw(st.sets(st.integers(0, i - 1), max_size=4)) if i else set()
        calls = tuple(Callee(name=f"skill_{j}", code_hash=skills[j].code_hash) for j in sorted(callees))
        skills.append(Skill(name=f"skill_{i}", text=f"skill {i}", calls=calls, contract=Contract(requires=(f"before.n > {i}",))))
    return skills, draw(st.sets(st.sampled_from(range(size)), min_size=1))


@given(dags())
def test_a_closure_is_all_that_is_reached_and_callees_come_first(drawn):
    skills, roots = drawn
    known = {skill.code_hash: skill for skill in skills}
    found = graphs.reachable([skills[i].code_hash for i in roots], lambda hashes: {h: known[h] for h in hashes if h in known})
    expected = {skills[i].code_hash for i in roots}
    while more := {callee.code_hash for h in expected for callee in known[h].calls} - expected:
        expected |= more
    assert found.keys() == expected
    order = [skill.code_hash for skill in graphs.ordered(found)]
    assert sorted(order) == sorted(expected)
    assert all(order.index(callee.code_hash) < order.index(h) for h in order for callee in known[h].calls)
    assert graphs.ordered(dict(reversed(found.items()))) == graphs.ordered(found)


def test_a_closure_with_a_lost_callee_is_damage(library, make):
    fetch = make.active(library, "fetch")
    rope = make.active(library, "make_rope", calls=["fetch"])
    with library._database.writing() as connection:
        connection.execute(sa.delete(tables.versions).where(tables.versions.c.code_hash == fetch.code_hash))
    with pytest.raises(LibraryDamaged, match="fetch"):
        library.closure([rope.code_hash])
    with pytest.raises(UnknownSkill):
        library.closure(["0" * 64])


texts = st.text(st.characters(codec="utf-8"), max_size=20)
scalars = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
sources = st.builds(
    lambda name, doc, value: f"def {name}(amount: int = 1):\n    {doc!r}\n    walk({value!r})\n",
    st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True).filter(str.isidentifier),
    texts.filter(str.strip),
    scalars,
)
contracts = st.builds(
    Contract,
    parameters=st.just((Parameter(name="amount", type="integer", default=1),)),
    requires=st.lists(texts, max_size=2).map(tuple),
    provides=st.lists(st.builds(Provision, check=texts, arguments=st.dictionaries(texts, scalars, max_size=2)), max_size=2).map(
        tuple
    ),
)


def parses(source: str) -> bool:
    try:
        ast.parse(source)
        Program.parse(source)
    except (ValueError, SyntaxError):
        return False
    return True


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(
    source=sources.filter(parses),
    contract=contracts,
    description=texts,
    provenance=st.builds(Provenance, task=texts, seed=st.none() | st.integers()),
)
def test_a_skill_is_read_as_it_was_written(library, source, contract, description, provenance):
    skill = Skill(name="any", program=Program.parse(source), contract=contract, description=description, provenance=provenance)
    with library._database.writing() as connection:
        if not store.by_hash(connection, [skill.code_hash]):
            number = len(library.skills()) + 1
            skill = skill.model_copy(update={"version": number})
            store.add_version(connection, skill, number)
            assert store.by_hash(connection, [skill.code_hash]) == {skill.code_hash: skill}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(key=texts, arguments=st.dictionaries(texts, scalars, max_size=3), value=scalars | st.lists(scalars, max_size=3) | st.none())
def test_tests_and_effects_are_read_as_they_were_written(library, key, arguments, value):
    kept = KeptTest(
        environment=key, seed=None, arguments=arguments, check=key, changes={key: (None, value)}, prefix=((key, arguments),)
    )
    effect = Effect(fact=key, arguments=arguments, n=1, changed=1, value=value)
    with library._database.writing() as connection:
        before = len(store.tests_of(connection, "h"))
        store.add_tests(connection, "h", [kept, kept])
        store.replace_effects(connection, "h", [effect])
        assert kept in store.tests_of(connection, "h") and len(store.tests_of(connection, "h")) <= before + 1
        assert store.effects_of(connection, "h") == (effect,)


def test_what_is_indexed_are_words_and_not_symbols():
    program = Program.parse('def make_rope(kind: Literal["long", "short"]):\n    """Make a rope. It needs straw."""\n    walk()\n')
    provides = (Provision(check="after.inventory.rope >= 1"),)
    skill = Skill(name="make_rope", program=program, contract=Contract(parameters=program.parameters, provides=provides))
    text = indexed_text(
        skill, [Effect(fact="inventory.rope", n=2, changed=2, rise=1), Effect(fact="daylight", n=9, changed=1, rise=1)]
    )
    assert text.splitlines() == [
        "make rope.",
        "Make a rope.",
        "Provides inventory rope at least 1.",
        "Raises inventory rope.",
        "With kind.",
        "With kind: long, short.",
        "It needs straw.",
    ]


def test_a_library_can_be_compared_by_its_fingerprint(library, make, tmp_path):
    with SkillLibrary.open(tmp_path / "other", create=True, embedder=HashingEmbedder(), index="exact") as other:
        assert other.fingerprint() == library.fingerprint()
        make.active(library, "fetch")
        assert other.fingerprint() != library.fingerprint()
        make.trial(other, make.program("make_rope"))
        make.active(other, "fetch")
        assert other.fingerprint() == library.fingerprint()


@pytest.mark.parametrize("query", [None, 3, ["rope"]])
def test_what_is_no_query_is_refused_in_words(library, query):
    for ask in (library.search, lambda asked: library.retrieve(asked, k=1)):
        with pytest.raises(ValidationError, match="valid string"):
            ask(query)
