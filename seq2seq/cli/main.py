"""The command `seq2seq`. Commands import what they need when they run, so that --help answers at once.

Their verbs, which take seconds, they import behind the early checks, so that most mistakes are told at once too.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from typing import Annotated, Any, NoReturn

import typer

from ..base.errors import Seq2SeqError, TrainingInterrupted
from ..base.version import VERSION
from . import (
    analyze,
    average,
    compare,
    evaluate,
    export,
    generate,
    init,
    inspect,
    plans,
    prune,
    push,
    recipes,
    report,
    score,
    tokenizer,
    train,
)
from .unknown_flags import find_flag_hint

QUIET_HELP = "Show errors, warnings and results alone."


class _Commands(typer.core.TyperGroup):
    """Commands that Ctrl-C ends in our words, and that all take --quiet."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Typed before a command or behind it, it is the same; no command knows of it.
        quiet = copy(next(option for option in self.params if option.name == "quiet"))
        quiet.expose_value = False
        for command in _list_commands(self):
            command.params.append(quiet)

    def invoke(self, context: typer.Context) -> Any:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            raise _StoppedByUser from None  # before click says "Aborted!", and 1
        except typer.BadParameter.__base__ as error:  # click's UsageError, which Typer keeps to itself
            _explain_unknown_flag(error)
            raise


def _explain_unknown_flag(error: Any) -> None:
    """Puts what may have been meant into the error of a flag that the command has not."""
    flag = getattr(error, "option_name", None)
    if flag is None or error.ctx is None:
        return
    known = {name for one in error.ctx.command.params for name in one.opts}
    hint = find_flag_hint(error.ctx.command.name, flag, known)
    if hint is not None:
        error.message = f"{error.message}. {hint}"
        error.possibilities = None


def _list_commands(group: typer.core.TyperGroup) -> Iterator[typer.core.TyperCommand]:
    """Those of its groups too."""
    for command in group.commands.values():
        if isinstance(command, typer.core.TyperGroup):
            yield from _list_commands(command)
        else:
            yield command


def _be_quiet(context: typer.Context, wanted: bool) -> None:
    if wanted:
        from ..base.console import be_quiet

        context.with_resource(be_quiet())


class _StoppedByUser(Exception):
    """Ctrl-C; what the command had to say it has said."""


app = typer.Typer(
    name="seq2seq",
    cls=_Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # in plain text no name of an option is cut, however narrow the terminal
)
for command in (init, train, generate, evaluate, average, prune, export, push, score, compare, report, inspect, plans):
    app.command(command.__name__.rpartition(".")[2])(command.run)
app.add_typer(analyze.app, name="analyze")
app.add_typer(tokenizer.app, name="tokenizer")
app.add_typer(recipes.app, name="recipes")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"seq2seq {VERSION}")
        raise typer.Exit


@app.callback()
def look_at_options(
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_show_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", callback=_be_quiet, help=QUIET_HELP)] = False,
) -> None:
    """Warm-started encoder-decoder models: start from published checkpoints, train, generate, measure."""


def main() -> None:
    """Runs a command; a user's mistake shows as one message, without a traceback."""
    # transformers reports every file it opens; our own bars and tables say what matters.
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # Unsaid, tokenizers warns and works alone as soon as something forks the process.
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    try:
        app()
    except Seq2SeqError as error:
        from ..base.console import errors, speaks_for_machine

        if speaks_for_machine():
            errors().print(type(error).__name__, style="bold red", end=": ")
            errors().print(str(error))
        # A stopped run ends as the signal would have ended it, by the shells' convention; every other error is a 1.
        sys.exit(128 + error.signal_number if isinstance(error, TrainingInterrupted) else 1)
    except (KeyboardInterrupt, _StoppedByUser):
        _end_at_once()


def _end_at_once() -> NoReturn:
    """Ends the process as Ctrl-C does, without waiting for threads that still compute."""
    from ..base.console import speaks_for_machine

    if speaks_for_machine():
        sys.stderr.write("Stopped by Ctrl-C.\n")
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # a pipe may be closed
            stream.flush()
    os._exit(128 + signal.SIGINT)
