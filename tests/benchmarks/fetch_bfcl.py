"""Fetches the questions and functions of the Berkeley Function Calling Leaderboard (Apache-2.0) for lookup_quality.py.

    python tests/benchmarks/fetch_bfcl.py

The data come with the package `bfcl-eval`, which is downloaded and unpacked but not installed: nothing of it is run.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "bfcl-eval==2026.3.23"
SHA256 = "3bb6dfa5f0c68ad403c9ec50b00db2bb3b4cc9b38ab1ff33f48fe30d853d3a0a"
CACHE = Path(tempfile.gettempdir()) / "skilllib-bfcl"


def main() -> None:
    """Fetch the data."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the package and its data go")
    print(fetched(parser.parse_args().cache))


def fetched(cache: Path) -> Path:
    """Return the folder of the data, fetching them where they are not there yet."""
    data = cache / "bfcl_eval" / "data"
    if data.is_dir():
        return data
    cache.mkdir(parents=True, exist_ok=True)
    if not list(cache.glob("bfcl_eval-*.whl")):
        command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--dest", str(cache), PACKAGE]
        subprocess.run(command, check=True)
    (wheel,) = cache.glob("bfcl_eval-*.whl")
    if (found := hashlib.sha256(wheel.read_bytes()).hexdigest()) != SHA256:
        raise SystemExit(f"{wheel} has the SHA-256 {found}, expected was {SHA256}; delete it and try again")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(cache, [name for name in archive.namelist() if name.startswith("bfcl_eval/data/")])
    return data


if __name__ == "__main__":
    main()
