"""The application: its commands, and what becomes of an error."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from skilllib.cli.adapters import adapters
from skilllib.cli.compile import compile_skills
from skilllib.cli.doctor import doctor
from skilllib.cli.environments import environments
from skilllib.cli.evaluate import evaluate
from skilllib.cli.export import export
from skilllib.cli.graph import graph
from skilllib.cli.importing import import_skills
from skilllib.cli.learn import learn
from skilllib.cli.listing import list_skills
from skilllib.cli.merge import merge
from skilllib.cli.report import report
from skilllib.cli.run import run
from skilllib.cli.search import search
from skilllib.cli.show import show
from skilllib.cli.solve import solve
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


app.command("learn")(learn)
app.command("solve")(solve)
app.command("search")(search)
app.command("list")(list_skills)
app.command("show")(show)
app.command("graph")(graph)
app.command("run")(run)
app.command("verify")(verify)
app.command("evaluate")(evaluate)
app.command("export")(export)
app.command("import")(import_skills)
app.command("compile")(compile_skills)
app.command("merge")(merge)
app.add_typer(adapters, name="adapters")
app.command("report")(report)
app.command("doctor")(doctor)
app.command("environments")(environments)
