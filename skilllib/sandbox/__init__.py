"""Where generated programs run: the world stays on our side."""

from skilllib.sandbox.monty import MontySandbox

__all__ = ["MontySandbox"]
