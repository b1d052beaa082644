"""`seq2seq push`."""

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..verbs.options.push import PushOptions
from .flags import read_flags, split_names, takes_flags

if TYPE_CHECKING:
    from ..verbs.push import Pushed

# What a terminal is asked for, where it is not known.
QUESTIONS = {
    "license": "License of the model, such as apache-2.0, mit or cc-by-4.0",
    "language": "Languages of the texts, such as de, or en,fr",
    "datasets": "Data sets on the hub that it was trained on, or none",
}


@takes_flags(PushOptions)
def run(
    checkpoint: Annotated[str, typer.Argument(help="A run folder or a checkpoint folder.")],
    name: Annotated[str, typer.Argument(help="The repository: NAMESPACE/NAME, or NAME alone for one's own.")],
    **flags: Any,
) -> None:
    """Upload a checkpoint to the hub, with its card.

    The state of the training, predictions and logs stay here. All is checked before anything is made there.
    """
    from ..base.console import messages
    from ..base.formats import format_count
    from ..base.hub_upload import Destination
    from ..verbs.early_checks import check_push
    from ..verbs.push import find_known, push

    options = read_flags(PushOptions, flags)
    check_push(checkpoint, Destination(name, options.revision), options)
    if can_ask():
        options = _ask(find_known(checkpoint, options).list_missing(), flags)
    pushed = push(checkpoint, name, **dict(options))
    count = format_count(len(pushed.files), "file")
    if pushed.address is None:
        _show(pushed)
        messages().print(f"Would be uploaded to {pushed.name}: {count}, {pushed.size}, from {pushed.folder}.")
    else:
        messages().print(f"Uploaded: {count}, {pushed.size}, from {pushed.folder}")
    if pushed.left_out:
        messages().print(f"Left out: {', '.join(pushed.left_out)}")
    if pushed.address is not None:
        typer.echo(pushed.address)


def can_ask() -> bool:
    """Whether somebody at a terminal can answer."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def _ask(missing: Iterable[str], flags: dict[str, Any]) -> PushOptions:
    """The options, with answers where they were missing; what is no answer is refused as the flag would be."""
    given = dict(flags)
    for name in missing:
        answer = typer.prompt(QUESTIONS[name], err=True)
        given[name] = ",".join(split_names(answer))
    return read_flags(PushOptions, given)


def _show(pushed: "Pushed") -> None:
    """What a dry run is for: the files with their bytes, and the card."""
    width = max(len(f"{size:,}") for size in pushed.files.values())
    for name, size in pushed.files.items():
        typer.echo(f"{size:>{width},}  {name}")
    typer.echo(f"\n{pushed.card}")
