"""The application: its commands, and what becomes of an error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from skilllib.cli.adapters import adapters
from skilllib.cli.add import add
from skilllib.cli.alias import alias
from skilllib.cli.compile import compile_skills
from skilllib.cli.diff import diff
from skilllib.cli.doctor import doctor
from skilllib.cli.edit import edit
from skilllib.cli.environments import environments
from skilllib.cli.evaluate import evaluate
from skilllib.cli.export import export
from skilllib.cli.graph import graph
from skilllib.cli.history import history
from skilllib.cli.hypernet import hypernet
from skilllib.cli.importing import import_skills
from skilllib.cli.learn import learn
from skilllib.cli.listing import list_skills
from skilllib.cli.merge import merge
from skilllib.cli.prune import prune
from skilllib.cli.report import report
from skilllib.cli.revoke import revoke
from skilllib.cli.rollback import rollback
from skilllib.cli.run import run
from skilllib.cli.search import search
from skilllib.cli.show import show
from skilllib.cli.solve import solve
from skilllib.cli.stats import stats
from skilllib.cli.verify import verify

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


class Doors(TyperGroup):
    """The group of all commands; turns errors into one line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command. 1: the answer is no; 2: it could not be done; 130: Ctrl-C."""
        from skilllib.errors import SkillLibError

        try:
            return super().invoke(ctx)
        except SkillLibError as error:
            if ctx.params.get("debug"):
                raise
            _complain(type(error).__name__, str(error))
            raise typer.Exit(2) from None
        except KeyboardInterrupt:
            _complain("Interrupted", "stopped by Ctrl-C")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            sys.stderr.close()  # whoever read our output has gone; Python would complain about it at exit
            raise typer.Exit(0) from None


def _complain(kind: str, message: str) -> None:
    from rich.text import Text

    from skilllib.cli.output import stderr

    stderr().print(Text(f"{kind}: ", style="bold red").append(message, style="red"), soft_wrap=True)


def _version(wanted: bool) -> None:
    if wanted:
        from skilllib import __version__

        typer.echo(f"skilllib {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=Doors,
    name="skilllib",
    help="A library of executable skills for agents that never stop learning.",
    epilog="Exit codes: 0 done, 1 the answer is no (a failed test, a problem found), 2 it could not be done, 130 Ctrl-C.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _global(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A library of executable skills for agents that never stop learning."""


COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    "Learn and solve": {"learn": learn, "solve": solve, "evaluate": evaluate, "report": report},
    "Look up": {"search": search, "list": list_skills, "show": show, "graph": graph, "run": run, "stats": stats},
    "Change": {"add": add, "edit": edit, "verify": verify, "alias": alias, "prune": prune},
    "Look back and undo": {"history": history, "diff": diff, "rollback": rollback, "revoke": revoke},
    "Exchange": {"export": export, "import": import_skills},
    "Weights": {"compile": compile_skills, "merge": merge},
    "Care": {"doctor": doctor, "environments": environments},
}
"""Commands by what one wants of them, as `--help` shows them."""

for _panel, _commands in COMMANDS.items():
    for _name, _command in _commands.items():
        app.command(_name, rich_help_panel=_panel)(_command)
app.add_typer(adapters, name="adapters", rich_help_panel="Weights")
app.add_typer(hypernet, name="hypernet", rich_help_panel="Weights")
