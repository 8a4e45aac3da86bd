"""Names that a reader might take for one another."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skilllib.records.naming import LEAST, look_alike

names = st.text(string.ascii_lowercase + "_", min_size=LEAST + 1, max_size=20).filter(lambda name: name.strip("_"))


@pytest.mark.parametrize(
    "other",
    [
        "make_ropes",
        "make_rop",
        "make_tope",
        "amke_rope",
        "makerope",
        "make__rope",
        "rnake_rope",
        "MAKE_ROPE",
        "make_r0pe",
        "m\u00e5ke_rope",
    ],
)
def test_a_letter_more_less_or_other_and_letters_that_look_the_same_are_alike(other: str) -> None:
    assert look_alike("make_rope", other) and look_alike(other, "make_rope")


@pytest.mark.parametrize(
    "other", ["m\u0430k\u0435_r\u043epe", "\U0001d426ake_rope2", "make_rop\u0435", "\uff4d\uff41\uff4b\uff45_rope2"]
)
def test_letters_of_other_scripts_do_not_hide_a_name(other: str) -> None:
    assert look_alike("make_rope", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("make_rope", "make_rope"),
        ("make_rope", "make_twine"),
        ("make_item_2", "make_item_3"),
        ("make_item", "make_item_2"),
        ("wood1", "wood2"),
        ("go", "do"),
        ("take", "\u0441\u0434\u0435\u043b"),
    ],
)
def test_names_that_are_told_apart_are_not_alike(one: str, other: str) -> None:
    assert not look_alike(one, other)


def test_a_number_does_not_hide_a_letter() -> None:
    assert look_alike("item_1", "item_l") and look_alike("item_10", "item_lo")


@given(names, st.data())
def test_every_single_edit_is_alike_and_alikeness_is_mutual(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    for edited in (name[:at] + name[at + 1 :], name[:at] + letter + name[at:], name[:at] + letter + name[at + 1 :]):
        assert look_alike(name, edited) == look_alike(edited, name) == (name != edited)


@given(names, names)
def test_alikeness_is_mutual_and_never_of_a_name_to_itself(one: str, other: str) -> None:
    assert look_alike(one, other) == look_alike(other, one) and not look_alike(one, one)
