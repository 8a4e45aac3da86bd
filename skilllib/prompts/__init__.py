"""Prompts: Markdown files with named slots, one for each purpose."""

from skilllib.prompts.prompt import Part, Prompt, fitted, load, own

__all__ = ["Part", "Prompt", "fitted", "load", "own"]
