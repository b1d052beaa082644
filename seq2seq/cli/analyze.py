"""`seq2seq analyze`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..verbs.options.analyze import AttentionOptions, HeadsOptions
from .arguments import CheckpointName, format_truncated
from .flags import read_flags, takes_flags

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(help="Look at the attention heads of a checkpoint.", no_args_is_help=True)


@app.command()
@takes_flags(AttentionOptions)
def attention(
    checkpoint: CheckpointName,
    text: Annotated[list[str], typer.Option(help="A source; may be given more than once.")],
    target: Annotated[
        list[str] | None,
        typer.Option(help="Its target, in the order of the sources; left out, it is what the model writes."),
    ] = None,
    **flags: Any,
) -> None:
    """Write what every head attends to, with a page to look at it.

    The weights of every head and the states of every layer are written too. Options from --num-beams on are those of
    targets that the model writes, and left out as the checkpoint was trained with.
    """
    from ..base.console import messages
    from ..verbs.early_checks import check_analyze_attention

    options = read_flags(AttentionOptions, flags)
    check_analyze_attention(checkpoint, options)
    from ..verbs.analyze.attention import analyze_attention

    result = analyze_attention(checkpoint, text, target, **dict(options))
    for pair in result["pairs"]:
        typer.echo(pair["target"])
    messages().print(f"Written: {options.output / 'attention.html'}, to open in a browser, and beside it the figures")


@app.command()
@takes_flags(HeadsOptions)
def heads(checkpoint: CheckpointName, **flags: Any) -> None:
    """Weigh every head by how much the loss depends on it.

    That is the expected absolute gradient of the loss at a gate on the head (Michel et al. 2019).
    """
    from ..base.console import errors, messages, output
    from ..verbs.early_checks import check_analyze_heads

    options = read_flags(HeadsOptions, flags)
    check_analyze_heads(checkpoint, options)
    from ..verbs.analyze.heads import analyze_heads

    result = analyze_heads(checkpoint, **dict(options))
    output().print(_build_heads_table(checkpoint, result))
    truncated = format_truncated("--data", result)
    if truncated is not None:
        errors().print(truncated)
    messages().print(f"Written: {options.output / 'heads.json'}, {options.output / 'heads.png'}")


def _build_heads_table(checkpoint: str, result: dict[str, Any]) -> "Table":
    """A row for each layer of each kind of attention, a column for each head, by its number in the whole model."""
    from ..base.console import build_fitting_table

    sites = result["sites"]
    highest = max(max(site["importance"]) for site in sites)
    scale = highest or 1  # where no head matters, any scale shows it
    last_head = max(max(site["heads"]) for site in sites)
    columns = range(last_head + 1)
    rows = []
    for site in sites:
        layer = f"{site['kind']} {site['layer']}"
        shares = [f"{100 * value / scale:.1f}" for value in site["importance"]]
        by_head = dict(zip(site["heads"], shares, strict=True))
        # The place of a head that was pruned stays empty.
        cells = [by_head.get(head, "") for head in columns]
        rows.append([layer, *cells])
    of_highest = f"in percent of the highest, which is {highest:.3g}"
    title = f"{checkpoint}: importance of heads, {of_highest}; {result['pairs']:,} pairs"
    return build_fitting_table(title, ["layer", *map(str, columns)], rows)
