"""Prompts: Markdown files with named slots, one for each purpose."""

from skilllib.prompts.fitting import Part, fitted, lines
from skilllib.prompts.prompt import Prompt, load, own

__all__ = ["Part", "Prompt", "fitted", "lines", "load", "own"]
