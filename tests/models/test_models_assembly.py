"""The models of a run share an account, a budget and a tape, whoever plays which role."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from model_requests import request
from openai_server import Answer, serving

from skilllib.errors import BudgetSpent, ModelRefused, ModelUnavailable, NotOnTape, TapeError
from skilllib.models import Account, ScriptedModel, assembly, opened
from skilllib.protocols import LanguageModel
from skilllib.records.model import Budget


def scripted(name: str) -> ScriptedModel:
    return ScriptedModel(lambda asked: f"{name} on {asked.messages[-1].content}", name=name)


def never(name: str) -> LanguageModel:
    raise AssertionError(f"made the model {name!r}")


def test_a_role_without_a_model_is_played_by_the_one_that_writes(tmp_path: Path) -> None:
    names = {"write": "large", "critic": "small", "curriculum": None}
    with opened(names, account=Account(), budget=Budget(), tape=tmp_path / "t", make=scripted) as models:
        said = [model.complete(request("a")).text for model in (models.write, models.critic, models.curriculum, models.describe)]
    assert said == ["large on a", "small on a", "large on a", "large on a"]


def test_roles_share_an_account_and_a_budget(tmp_path: Path) -> None:
    account = Account()
    names = {"write": "large", "critic": "small"}
    with opened(names, account=account, budget=Budget(calls=2), tape=tmp_path / "t", make=scripted) as models:
        models.write.complete(request("a"))
        models.critic.complete(request("b"))
        with pytest.raises(BudgetSpent, match="2 of 2 calls"):
            models.describe.complete(request("c"))
    assert [call.model for call in account.take()] == ["large", "small"]


def test_a_replay_makes_no_model_and_charges_the_same(tmp_path: Path) -> None:
    first, again = Account(), Account()
    with opened({"write": "m"}, account=first, budget=Budget(), tape=tmp_path / "t", make=scripted) as models:
        models.write.complete(request("a"))
    with opened({"write": "m"}, account=again, budget=Budget(), tape=tmp_path / "t", replay=True, make=never) as models:
        assert models.critic.complete(request("a")).text == "m on a"
        with pytest.raises(NotOnTape):
            models.write.complete(request("b"))
    assert first.take() == again.take()


def test_a_budget_ends_a_replay_where_it_ended_the_run(tmp_path: Path) -> None:
    for replay, make in ((False, scripted), (True, never)):
        with opened(
            {"write": "m"}, account=Account(), budget=Budget(calls=1), tape=tmp_path / "t", replay=replay, make=make
        ) as models:
            models.write.complete(request("a"))
            with pytest.raises(BudgetSpent):
                models.write.complete(request("b"))


def test_without_a_tape_nothing_is_recorded(tmp_path: Path) -> None:
    with opened({"write": "m"}, account=Account(), budget=Budget(), tape=None, make=scripted) as models:
        assert models.write.complete(request("a")).text == "m on a"
    assert not list(tmp_path.iterdir())


def test_there_is_nothing_to_replay_without_a_tape() -> None:
    with (
        pytest.raises(TapeError, match="nothing to replay without a tape"),
        opened({"write": "m"}, account=Account(), budget=Budget(), tape=None, replay=True),
    ):
        pass


def test_the_tape_is_free_again_when_the_models_could_not_be_made(tmp_path: Path) -> None:
    for _ in range(2):
        with (
            pytest.raises(AssertionError, match="made the model"),
            opened({"write": "m"}, account=Account(), budget=Budget(), tape=tmp_path / "t", make=never),
        ):
            pass


@pytest.mark.xdist_group("litellm")
def test_every_request_over_a_socket_passes_the_budget_and_a_replay_has_the_same_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly.time, "sleep", lambda seconds: None)
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    down, names, tape = Answer(status=503, error={"message": "down"}), {"write": "openai/m"}, tmp_path / "t"
    first, again, poor = Account(), Account(), Account()
    with serving(down, down, Answer(text="yes"), down) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        with opened(names, account=first, budget=Budget(calls=6), tape=tape) as models:
            assert models.write.complete(request("a")).text == "yes"
            with pytest.raises(BudgetSpent, match="6 of 6 calls"):
                models.critic.complete(request("b"))
        assert (len(server.requests), first.calls, first.lost.calls) == (6, 6, 3)
        with opened(names, account=poor, budget=Budget(), tape=None) as models, pytest.raises(ModelUnavailable, match="5 times"):
            models.write.complete(request("a"))
        assert (len(server.requests), poor.lost.calls) == (11, 5) and poor.lost.seconds > 10, "waits count"
    with opened(names, account=again, budget=Budget(calls=6), tape=tape, replay=True) as models:
        models.write.complete(request("a"))
    assert again.take() == first.take() and again.calls == 3


@pytest.mark.xdist_group("litellm")
@pytest.mark.parametrize("role", ["write", "critic", "curriculum", "describe"])
def test_a_name_without_a_provider_is_refused_before_anything_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str
) -> None:
    with serving(Answer()) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        with (
            pytest.raises(ModelRefused, match=r"no provider for the model 'gtp-large'.*`provider/model`"),
            opened({"write": "openai/m", role: "gtp-large"}, account=Account(), budget=Budget(), tape=tmp_path / "t"),  # type: ignore[dict-item]
        ):
            pass
        assert not server.requests


@pytest.mark.xdist_group("litellm")
def test_money_is_not_bounded_for_a_model_without_a_price(tmp_path: Path) -> None:
    with (
        pytest.raises(ModelRefused, match="price of the model 'openai/local' is not known"),
        opened({"write": "openai/local"}, account=Account(), budget=Budget(usd=1), tape=tmp_path / "t"),
    ):
        pass


def test_a_replay_loads_no_litellm_and_needs_no_key(tmp_path: Path) -> None:
    with opened({"write": "openai/local"}, account=Account(), budget=Budget(), tape=tmp_path / "t", make=scripted) as models:
        models.write.complete(request("a"))
    code = f"""
import pkgutil, sys
import skilllib.models
for module in pkgutil.iter_modules(skilllib.models.__path__, "skilllib.models."):
    __import__(module.name)
from model_requests import request
from skilllib.models import Account, opened
from skilllib.records.model import Budget
tape = {str(tmp_path / "t")!r}
with opened({{"write": "openai/local"}}, account=Account(), budget=Budget(calls=9), tape=tape, replay=True) as models:
    assert models.write.complete(request("a")).text == "openai/local on a"
assert "litellm" not in sys.modules and "opentelemetry.sdk" not in sys.modules and "openai" not in sys.modules
"""
    environment = {"PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
