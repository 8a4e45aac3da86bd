"""Heavy things are imported where they are used."""

from __future__ import annotations

import subprocess
import sys

import pytest

SLOW = (
    "chromadb",
    "crafter",
    "litellm",
    "matplotlib",
    "onnxruntime",
    "peft",
    "scipy",
    "sentence_transformers",
    "torch",
    "transformers",
)
"""What takes so long that no help text may wait for it."""
HEAVY = (*SLOW, "alembic", "fastapi", "mcp", "networkx", "PIL", "pydantic_monty", "rich", "sqlalchemy", "typer")
"""What `import skilllib` must not load."""


def loaded_by(statement: str, candidates: tuple[str, ...]) -> set[str]:
    """Return which modules a fresh interpreter has loaded after a statement."""
    code = f"import sys\n{statement}\nsys.stderr.write(','.join(name for name in {candidates!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stderr.strip().split(",")) - {""}


def test_the_package_loads_nothing_heavier_than_pydantic_and_numpy() -> None:
    assert loaded_by("import skilllib", HEAVY) == set()


def test_the_probe_would_notice_a_heavy_import() -> None:
    assert loaded_by("import scipy", HEAVY) == {"scipy"}


@pytest.mark.parametrize(
    "module",
    [
        "records.skill",
        "protocols",
        "registry",
        "config",
        "memory",
        "writer.search",
        "curriculum.frontier",
        "verifier.proof",
        "gate.evidence",
    ],
)
def test_a_stage_loads_nothing_heavy(module: str) -> None:
    assert loaded_by(f"import skilllib.{module}", HEAVY) == set()


@pytest.mark.parametrize("module", ["testing", "embedders", "library", "sandbox", "agent", "build"])
def test_assembly_loads_nothing_slow_before_it_is_used(module: str) -> None:
    assert loaded_by(f"import skilllib.{module}", SLOW) == set()


def test_help_comes_without_waiting_for_anything_slow() -> None:
    code = """
from skilllib.cli import main
sys.argv = ["skilllib", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded_by(code, SLOW) == set()


EXTRAS = ("fastapi", "mcp", "peft", "psycopg", "joblib", "ray", "dask")
"""Modules that only extras install."""


def test_the_package_works_without_extras() -> None:
    """Every module imports where the modules of the extras cannot be imported."""
    code = f"""
import importlib, pkgutil
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Absent())
import skilllib
for module in pkgutil.walk_packages(skilllib.__path__, "skilllib."):
    if not module.name.endswith("__main__") and ".migrations.versions" not in module.name:
        importlib.import_module(module.name)
"""
    assert loaded_by(code, EXTRAS) == set()


def test_everything_that_is_public_exists() -> None:
    import skilllib

    assert skilllib.__all__ == sorted(skilllib.__all__)
    for name in skilllib.__all__:
        assert getattr(skilllib, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = skilllib.nothing
