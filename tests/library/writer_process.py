"""Run by tests: writes skills and prints each name once it is acknowledged, until it is killed."""

import sys
from typing import Any

from maker import Maker

from skilllib.embedders import HashingEmbedder
from skilllib.library import SkillLibrary, hnsw


def main(folder: str, first: int, index: str) -> None:
    make = Maker()
    hnsw.TAIL = 5  # so that graphs are written all the time
    choice: Any = index
    with SkillLibrary.open(folder, create=True, embedder=HashingEmbedder(), index=choice) as library:
        library.search("anything")
        with library.writing("being killed"):
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            for number in range(first, 100_000):
                make.active(library, f"skill_{number}")
                sys.stdout.write(f"skill_{number}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
