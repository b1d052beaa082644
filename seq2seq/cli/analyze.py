"""`seq2seq analyze`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Look at the attention heads of a checkpoint.", no_args_is_help=True)


@app.command()
def heads(
    checkpoint: Annotated[str, typer.Argument(help="A run folder, a checkpoint folder or a hub name.")],
    data: Annotated[list[str], typer.Option(help="A data file, as in a recipe; may be given more than once.")],
    output: Annotated[Path, typer.Option(help="The folder for heads.json and heads.png.")] = Path("analysis"),
    normalized: Annotated[bool, typer.Option("--normalized", help="Divide each layer by its l2 norm.")] = False,
    source_column: Annotated[
        str | None, typer.Option(help="Several by commas; left out: as the checkpoint says.")
    ] = None,
    target_column: Annotated[
        str | None, typer.Option(help="Several by commas; left out: as the checkpoint says.")
    ] = None,
    header: Annotated[str | None, typer.Option(help="Columns of CSV and TSV without a header line, by commas.")] = None,
    batch_tokens: Annotated[int, typer.Option(help="Padded tokens of a batch: bounds memory.")] = 4096,
) -> None:
    """Weigh every head: the expected absolute gradient of the loss at a gate on it (Michel et al. 2019)."""
    from .. import api
    from ..reports.console import build_fitting_table, errors
    from ..reports.console import output as results
    from .arguments import split_names

    columns = {"source": split_names(source_column), "target": split_names(target_column)}
    found = api.analyze_heads(
        checkpoint,
        data,
        output=output,
        normalized=normalized,
        columns={name: value for name, value in columns.items() if value is not None},
        header=split_names(header),
        batch_tokens=batch_tokens,
    )
    widest = max(len(site["importance"]) for site in found["sites"])
    rows = [
        [f"{site['kind']} {site['layer']}", *(f"{value:.3f}" for value in site["importance"])]
        + [""] * (widest - len(site["importance"]))
        for site in found["sites"]
    ]
    title = f"{checkpoint}: importance of heads, {found['pairs']:,} pairs"
    results().print(build_fitting_table(title, ["layer", *map(str, range(widest))], rows))
    errors().print(f"Written: {output / 'heads.json'}, {output / 'heads.png'}")
