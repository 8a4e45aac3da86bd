"""What Voyager has written besides programs: descriptions from the code alone, which nobody holds against anything."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skilllib.prompts import Part, lines
from skilllib.prompts.role import Role
from skilllib.prompts.shown import clipped
from skilllib.records.execution import Proof
from skilllib.records.program import Program

LENGTH = 300
"""Characters of a description."""


@dataclass(frozen=True)
class CodeDescriber:
    """Has a model describe a program from its code; what it says is taken."""

    role: Role

    def describe(self, program: Program, proof: Proof) -> str:
        """Return what the model says; the docstring where it says nothing.

        Raises:
            ModelError: The model gave no reply.
        """
        reply = self.role.ask([*lines("code", program.source, 9), Part("changes", "(not shown)", 10)])
        paragraph = re.split(r"\n\s*\n", reply.strip(), maxsplit=1)[0]
        return clipped(paragraph or program.doc, LENGTH)
