"""How a hypernetwork is built and fitted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from skilllib.compiler.options import checked
from skilllib.records.base import Record


class HypernetOptions(Record):
    """Shape and training of a hypernetwork. The defaults suit a base of a hundred million parameters and hundreds of skills."""

    rank: int = Field(default=8, ge=1, le=512)
    """Of the adapter of one text."""
    targets: tuple[str, ...] = ("q_proj", "v_proj")
    layers: float = Field(default=0.6, gt=0, le=1)
    """Share of the layers that are changed, the upper ones."""
    width: int = Field(default=256, ge=4)
    heads: int = Field(default=4, ge=1)
    blocks: int = Field(default=2, ge=1)
    taps: int = Field(default=3, ge=1)
    """Layers of the base whose hidden states are read."""
    text_tokens: int = Field(default=1024, ge=1)
    """Tokens of the longest text."""
    steps: int = Field(default=2000, ge=1)
    skills: int = Field(default=8, ge=1)
    """Skills in one step: many, with few rows each."""
    rows: int = Field(default=2, ge=1)
    """Rows of each skill in one step."""
    negatives: int = Field(default=1, ge=0)
    """Rows of other skills for each skill in one step, on which nothing is to change."""
    recall: float = Field(default=0.12, ge=0, le=1)
    """Share of the rows that ask for the text itself (reconstruction) and not for an answer (behaviour)."""
    recall_tokens: int = Field(default=256, ge=1)
    """Tokens of the text that are asked for."""
    sections: float = Field(default=0.25, ge=0, le=1)
    """Share of the skills that are compiled section by section, half of them with another skill's sections."""
    simple: float = Field(default=0.4, ge=0, le=1)
    """Share of the steps, the first ones, that ask for answers alone, of skills compiled whole. Sections and recall hold back the
    moment at which it begins to matter which text was read."""
    lr: float = Field(default=1e-3, gt=0)
    warmup: int = Field(default=100, ge=0)
    """Steps in which the learning rate rises; then it falls as a cosine."""
    decay: float = Field(default=0.01, ge=0)
    """Weight decay."""
    check_every: int = Field(default=50, ge=1)
    """Steps between two looks at what is held out, with a checkpoint each."""
    held_out: float = Field(default=0.1, gt=0, lt=1)
    """Share of the skills from which nothing is learned; at least two."""

    @model_validator(mode="after")
    def _fits(self) -> HypernetOptions:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is no multiple of heads {self.heads}")
        return self


def options_of(given: Mapping[str, Any]) -> HypernetOptions:
    """Return the options that somebody gave.

    Raises:
        InvalidRecord: One is unknown or impossible.
    """
    return checked(HypernetOptions, given, "a hypernetwork")
