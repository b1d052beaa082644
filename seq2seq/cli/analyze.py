"""`seq2seq analyze`."""

from pathlib import Path
from typing import Annotated

import typer

from .arguments import CheckpointName, Columns, DataNames, Header, format_truncated, name_columns, split_names

app = typer.Typer(help="Look at the attention heads of a checkpoint.", no_args_is_help=True)


@app.command()
def attention(
    checkpoint: CheckpointName,
    text: Annotated[list[str], typer.Option(help="A source; may be given more than once.")],
    target: Annotated[
        list[str] | None, typer.Option(help="Its target, in the same order; left out: what the model writes.")
    ] = None,
    output: Annotated[Path, typer.Option(help="The folder for attention.{html,json,safetensors} and pictures.")] = Path(
        "analysis"
    ),
    pictures: Annotated[bool, typer.Option(help="Draw a PNG for each layer.")] = True,
    num_beams: Annotated[int | None, typer.Option(help="Of what the model writes.")] = None,
) -> None:
    """Write the attention weights of every head and the states of every layer, with a page to look at them."""
    from ..base.console import errors
    from ..verbs.analyze.attention import analyze_attention

    options = {} if num_beams is None else {"num_beams": num_beams}
    found = analyze_attention(checkpoint, text, target, output=output, pictures=pictures, **options)
    for pair in found["pairs"]:
        typer.echo(pair["target"])
    errors().print(f"Written: {output / 'attention.html'}, to open in a browser, and beside it the figures")


@app.command()
def heads(
    checkpoint: CheckpointName,
    data: DataNames,
    output: Annotated[Path, typer.Option(help="The folder for heads.json and heads.png.")] = Path("analysis"),
    normalized: Annotated[bool, typer.Option("--normalized", help="Divide each layer by its l2 norm.")] = False,
    source_column: Columns = None,
    target_column: Columns = None,
    header: Header = None,
    batch_tokens: Annotated[int, typer.Option(help="Padded tokens of a batch: bounds memory.")] = 4096,
) -> None:
    """Weigh every head: the expected absolute gradient of the loss at a gate on it (Michel et al. 2019)."""
    from ..base.console import build_fitting_table, errors
    from ..base.console import output as results
    from ..verbs.analyze.heads import analyze_heads

    found = analyze_heads(
        checkpoint,
        data,
        output=output,
        normalized=normalized,
        columns=name_columns(source_column, target_column),
        header=split_names(header),
        batch_tokens=batch_tokens,
    )
    widest = 1 + max(max(site["heads"]) for site in found["sites"])
    highest = max(max(site["importance"]) for site in found["sites"])
    rows = []
    for site in found["sites"]:
        shares = (f"{100 * value / (highest or 1):.1f}" for value in site["importance"])
        cells = dict(zip(site["heads"], shares, strict=True))
        rows.append([f"{site['kind']} {site['layer']}", *(cells.get(head, "") for head in range(widest))])
    scale = f"in percent of the highest, which is {highest:.3g}"
    title = f"{checkpoint}: importance of heads, {scale}; {found['pairs']:,} pairs"
    results().print(build_fitting_table(title, ["layer", *map(str, range(widest))], rows))
    if cut := format_truncated("--data", found):
        errors().print(cut)
    errors().print(f"Written: {output / 'heads.json'}, {output / 'heads.png'}")
