"""How a library does with 1,000, 10,000 and 100,000 skills: prints the table of docs/results.md, section "Scale".

    python tests/benchmarks/scale.py --sizes 1000 10000 100000

Everything is measured in one run, so that the ratios hold on a busy machine too. Of larger libraries the first 10,000 texts are
embedded (once; kept in --cache), the other vectors are mixtures of two of those and normalised.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from generated_skills import questions, skills

from skilllib.embedders import MiniLMEmbedder
from skilllib.library import ExactIndex, SkillLibrary, evidence, ledger, standing, store, tables
from skilllib.library.text import indexed_text
from skilllib.protocols import Vectors
from skilllib.records.ledger import Change, Decision
from skilllib.records.query import Query
from skilllib.records.skill import Skill

EMBEDDED = 10_000
ROUNDS = 200
K = 5
ENVIRONMENT = "kitchen"
PROMOTE = Decision(outcome="promote", codes=("generated",), reason="generated for a benchmark")


clocks: list[Callable[[], float]] = [time.perf_counter]


def main() -> None:
    """Print a table for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "skilllib-scale")
    parser.add_argument("--chroma", type=int, default=10_000, metavar="N", help="largest size at which Chroma is measured too")
    parser.add_argument("--cpu", action="store_true", help="processor time instead of the time that passes")
    parser.add_argument("--json", type=Path, help="where the figures are written as JSON")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    found = {size: dict(measured(size, given.cache, chroma=size <= given.chroma, cpu=given.cpu)) for size in given.sizes}
    print(table(found))
    if given.json:
        given.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def table(found: dict[int, dict[str, tuple[float, str]]]) -> str:
    """Return the figures as Markdown, a column for each size."""
    names = dict.fromkeys(name for figures in found.values() for name in figures)
    lines = ["| | " + " | ".join(f"{size:,}" for size in found) + " |", "|---" * (len(found) + 1) + "|"]
    for name in names:
        cells = [f"{figures[name][0]:,.{figures[name][1]}}" if name in figures else "-" for figures in found.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def measured(size: int, cache: Path, *, chroma: bool, cpu: bool) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield figures of a library of a size, each with how it is printed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "library"
        embedder = MiniLMEmbedder()
        made = list(skills(size))
        vectors = embedded(made, embedder, cache)
        with SkillLibrary.open(folder, create=True, embedder=embedder) as library:
            clock = time.perf_counter()
            library.load(((skill, ()) for skill in made), proposer="benchmark")
            yield "loaded into the store, skills/s", (size / (time.perf_counter() - clock), "0f")
            activate(library, made, vectors)
            clock = time.perf_counter()
            library.search("anything at all")
            yield "words and index built, s", (time.perf_counter() - clock, "1f")
        yield "disk: database, MB", (_size(folder / "library.db") / 1e6, "1f")
        yield "disk: index, MB", (_size(folder / "index") / 1e6, "1f")
        yield from memory(folder, size)
        yield "cold `skilllib search`, s", (cold(folder), "2f")
        # In a process of its own: whoever looks up has no hundred thousand skills among its objects.
        with ProcessPoolExecutor(1, get_context("spawn")) as processes:
            yield from processes.submit(figures, folder, vectors, Path(scratch) / "chroma" if chroma else None, cpu=cpu).result()


def embedded(made: Sequence[Skill], embedder: MiniLMEmbedder, cache: Path) -> Vectors:
    """Return a vector for each skill."""
    file = cache / f"{embedder.fingerprint[:16]}-{min(len(made), EMBEDDED)}.npy"
    texts = [indexed_text(skill) for skill in made[:EMBEDDED]]
    if not file.exists():
        parts = []
        for start in range(0, len(texts), 500):
            parts.append(embedder._encode(texts[start : start + 500]))
            print(f"embedding {start + len(parts[-1])} of {len(texts)} texts", end="\r", file=sys.stderr)
        np.save(file, np.concatenate(parts))
    real = np.load(file)
    draw = np.random.default_rng(0)
    left, right = draw.integers(0, len(real), (2, len(made) - len(real)))
    mixed = real[left] * 0.8 + real[right] * 0.2
    return np.concatenate([real, mixed / np.linalg.norm(mixed, axis=1, keepdims=True)]).astype(np.float32)


def activate(library: SkillLibrary, made: Sequence[Skill], vectors: Vectors) -> None:
    """Make generated skills active, with an entry each: what a proof would do, without the worlds for one."""
    with library._database.writing() as connection:
        number, previous = ledger.last(connection), ledger.hash_at(connection, ledger.last(connection)) or ledger.FIRST
        entries, changed = [], []
        for skill in made:
            number += 1
            change = Change(kind="activate", targets=(skill.code_hash,), proposer="benchmark")
            check = ledger.entry_hash(number, change, PROMOTE, previous)
            texts = {"change": store.written(change)[0], "decision": store.written(PROMOTE)[0]}
            entries.append({"number": number, **texts, "previous": previous, "hash": check, "created_at": store.now()})
            changed.append({"key": skill.version_hash, "entry": number})
            previous = check
        connection.execute(sa.insert(tables.ledger), entries)
        update = sa.update(tables.versions).where(tables.versions.c.version_hash == sa.bindparam("key"))
        connection.execute(update.values(status="active", entry=sa.bindparam("entry")), changed)
        blobs = [vector.astype("<f4").tobytes() for vector in vectors]
        fingerprint = library._findable.fingerprint
        rows = [
            {"code_hash": skill.code_hash, "fingerprint": fingerprint, "vector": blob, "digest": store.digest(blob)}
            for skill, blob in zip(made, blobs, strict=True)
        ]
        connection.execute(sa.insert(tables.vectors), rows)
        shown = [  # as if what was shown were what is written: to look at it costs the same, whatever it says
            {"code_hash": skill.code_hash, "fingerprint": fingerprint, "vector": blob, "digest": store.digest(blob)}
            for skill, blob in zip(made, map(evidence.written, vectors), strict=True)
        ]
        connection.execute(sa.insert(tables.evidence), shown)
        store.set_meta(connection, "findable", str(number))


def figures(folder: Path, vectors: Vectors, chroma: Path | None, *, cpu: bool) -> list[tuple[str, tuple[float, str]]]:
    """Return what look-ups cost."""
    clocks.append(time.thread_time if cpu else time.perf_counter)
    embedder = MiniLMEmbedder()
    with SkillLibrary.open(folder, embedder=embedder) as library:
        return list(looked_up(library, vectors, embedder, chroma))


def looked_up(
    library: SkillLibrary, vectors: Vectors, embedder: MiniLMEmbedder, chroma: Path | None
) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield what a look-up costs, beside what its parts and others cost; all of them in turn, query by query."""
    exact = ExactIndex()
    exact.put([str(row) for row in range(len(vectors))], vectors)
    asked = iter(questions(20 * (ROUNDS + 20)))
    ways: dict[str, Callable[[str], Any]] = {
        "embedding alone": lambda text: embedder.embed([text]),
        "dense look-up": lambda text: dense(library, embedder, Query(text=text)),
        "dense look-up, filtered": lambda text: dense(library, embedder, Query(text=text, environment=ENVIRONMENT)),
        "dense look-up, filtered twice": lambda text: dense(
            library, embedder, Query(text=text, environment=ENVIRONMENT, capability="bake")
        ),
        "hybrid look-up": lambda text: library.retrieve(text, k=K),
        "hybrid look-up, filtered": lambda text: library.retrieve(Query(text=text, environment=ENVIRONMENT), k=K),
    }
    pool, left = library._pool_of(Query(text="")), library._pool_of(Query(text="", environment=ENVIRONMENT))
    key = pool.keys[0]
    parts: dict[str, Callable[[Vectors], Any]] = {
        "index alone": lambda vector: pool.near(vector, K),
        "index alone, filtered": lambda vector: left.near(vector, K),
        "scan of all vectors": lambda vector: exact.nearest(vector, k=K),
        "one read of SQLite": lambda _: library.get(key[:12]),
    }
    with others(chroma, library, vectors, embedder) as theirs:
        times = timed({**ways, **theirs}, parts, asked, embedder)
    for name, taken in times.items():
        yield f"{name}, p50 ms", (float(np.percentile(taken, 50)), "2f")
        yield f"{name}, p95 ms", (float(np.percentile(taken, 95)), "2f")
    alone = float(np.percentile(times["embedding alone"], 50))
    for name in list(ways)[1:]:
        yield f"{name}, times the embedding", (float(np.percentile(times[name], 50)) / alone, "2f")
    index = float(np.percentile(times["index alone, filtered"], 50))
    beside = float(np.percentile(times["dense look-up, filtered"], 50)) - alone - index
    yield "beside embedding and index, ms", (beside, "2f")
    found = recall(library, exact, vectors)
    yield "recall of the ten nearest", (float(np.mean(found)), "3f")
    yield f"of {len(found)} questions, those of which all ten are missed", (float(np.count_nonzero(found == 0)), "0f")


def dense(library: SkillLibrary, embedder: MiniLMEmbedder, query: Query) -> list[Skill]:
    """Return the nearest skills that a filter leaves, without regard to words or statistics."""
    pool = library._pool_of(query)
    keys = [key for key, _ in pool.near(embedder.embed([query.text])[0], K)]
    return [one.skill() for one in standing.standings(library._database, pool.versions(keys) or keys).values()]


def timed(
    ways: dict[str, Callable[[str], Any]],
    parts: dict[str, Callable[[Vectors], Any]],
    asked: Iterator[str],
    embedder: MiniLMEmbedder,
) -> dict[str, list[float]]:
    """Return the milliseconds of each way, measured in turn; every query is a new one.

    Of a part of a look-up the time begins when its query is embedded, which leaves little in the processor's caches.
    """
    times: dict[str, list[float]] = {name: [] for name in (*ways, *parts)}
    for turn in range(-20, ROUNDS):
        for name, way in (ways | parts).items():
            given = next(asked) if name in ways else embedder.embed([next(asked)])[0]
            clock = clocks[-1]()
            way(given)
            if turn >= 0:
                times[name].append((clocks[-1]() - clock) * 1000)
    return times


@contextmanager
def others(
    folder: Path | None, library: SkillLibrary, vectors: Vectors, embedder: MiniLMEmbedder
) -> Iterator[dict[str, Callable[[str], Any]]]:
    """Give the ways that users have today: a Chroma collection, with `where` and, as in Voyager, without."""
    if folder is None:
        yield {}
        return
    import chromadb

    client = chromadb.PersistentClient(path=str(folder))
    collection = client.create_collection("skills", embedding_function=None, configuration={"hnsw": {"space": "cosine"}})
    found = library.skills("active")
    for start in range(0, len(found), 5000):
        part = found[start : start + 5000]
        collection.add(
            ids=[skill.code_hash for skill in part],
            embeddings=vectors[start : start + 5000],
            documents=[skill.program.source if skill.program else "" for skill in part],
            metadatas=[{"environment": skill.environment} for skill in part],
        )

    def query(text: str, **where: Any) -> Any:
        return collection.query(query_embeddings=embedder.embed([text]), n_results=K, **where)

    yield {
        "Chroma with `where`": lambda text: query(text, where={"environment": ENVIRONMENT}),
        "Voyager's manner (Chroma, top 5)": query,
    }
    client.close()


def recall(library: SkillLibrary, exact: ExactIndex, vectors: Vectors) -> Vectors:
    """Return for each of many questions the share of the true ten nearest that the library's index finds."""
    pool, found = library._pool_of(Query(text="")), []
    rows = {key: row for row, key in enumerate(skill.code_hash for skill in library.skills("active"))}
    for vector in library._findable.embedder.embed(questions(500, seed=7)):
        true = {int(row) for row, _ in exact.nearest(vector, k=10)}
        found.append(len(true & {rows[key] for key, _ in pool.near(vector, 10)}) / 10)
    return np.array(found, dtype=np.float32)


MEMORY = """
import sys
from pathlib import Path
from skilllib.embedders import MiniLMEmbedder
from skilllib.library import SkillLibrary

def used():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("RssAnon"))

embedder = MiniLMEmbedder()
for folder in sys.argv[1:]:
    before = used()
    library = SkillLibrary.open(folder, create=True, embedder=embedder)
    for text in ("boil three eggs", "sort the orders by date", "dig near the lake"):
        library.search(text)
    print(used() - before, len(library._findable.current().keys()), type(library._findable.current()).__name__)
"""


def memory(folder: Path, size: int) -> Iterator[tuple[str, tuple[float, str]]]:
    """Yield what a library holds in memory after some searches, vectors and embedder left out."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run([sys.executable, "-c", MEMORY, empty, str(folder)], capture_output=True, text=True, check=True)
    kilobytes, _, index = done.stdout.splitlines()[-1].split()
    held = 1.5 * size if index == "ExactIndex" else 0.0  # a graph is mapped from its file
    yield "memory beside vectors, KB a skill", ((float(kilobytes) - held) / size, "2f")


def cold(folder: Path) -> float:
    """Return the seconds of a search from the shell, the best of three."""
    taken = []
    # What is installed has its bytecode beside it, which this variable would have made anew at each start.
    surroundings = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    for text in ("boil three eggs", "sort the orders by date", "dig near the lake"):
        clock = time.perf_counter()
        command = [sys.executable, "-m", "skilllib", "search", text, "--library", str(folder)]
        subprocess.run(command, check=True, capture_output=True, env=surroundings)
        taken.append(time.perf_counter() - clock)
    return min(taken)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


if __name__ == "__main__":
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    main()
