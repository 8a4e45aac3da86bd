"""The registry finds environments by name and says what to do when it cannot."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import pytest

from skilllib import registry
from skilllib.errors import EnvironmentFault, UnknownEnvironment


def register(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    entries = [EntryPoint(name=name, value=value, group=registry.GROUP) for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)


def test_crafter_is_registered_without_being_imported() -> None:
    assert registry.environments()["crafter"].value == "environments.crafter:make"


def test_an_unknown_name_is_met_with_the_nearest_one_and_how_to_register() -> None:
    with pytest.raises(UnknownEnvironment, match=r"'craftr'; did you mean 'crafter'.*registered: .*crafter.*entry-points"):
        registry.make_environment("craftr")


def test_a_plug_in_that_does_not_import_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    register(monkeypatch, lost="no_such_package_at_all:make")
    with pytest.raises(EnvironmentFault, match=r"'lost'.*does not import.*no_such_package_at_all.*uninstall"):
        registry.make_environment("lost")


@pytest.mark.parametrize("value", ["math:pi", "builtins:dict", "builtins:object"])
def test_a_plug_in_that_makes_no_environment_is_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    register(monkeypatch, broken=value)
    with pytest.raises(EnvironmentFault, match=r"protocol|must name a function"):
        registry.make_environment("broken")


def test_options_that_do_not_fit_are_reported_with_the_remedy() -> None:
    with pytest.raises(EnvironmentFault, match=r"'nonsense': 1.*README"):
        registry.make_environment("crafter", nonsense=1)


def test_an_environments_own_errors_pass_through() -> None:
    with pytest.raises(EnvironmentFault, match="positive `length`"):
        registry.make_environment("crafter", length=0)


def test_two_packages_cannot_share_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    entries: list[Any] = [EntryPoint(name="twin", value=value, group=registry.GROUP) for value in ("a:make", "b:make")]
    monkeypatch.setattr(registry, "entry_points", lambda group: entries)
    with pytest.raises(EnvironmentFault, match="two packages"):
        registry.environments()
