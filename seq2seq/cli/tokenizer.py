"""`seq2seq tokenizer train`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Train a tokenizer.", no_args_is_help=True)


@app.command("train")
def run(
    data: Annotated[list[str], typer.Option(help="A data file, or plain text, a text a line; may be repeated.")],
    output: Annotated[Path, typer.Option(help="A new folder for tokenizer.json and coverage.json.")],
    kind: Annotated[str, typer.Option(help="unigram, bpe or wordpiece.")] = "unigram",
    size: Annotated[int, typer.Option(help="How many tokens, special ones and bytes among them.")] = 8000,
    lowercase: Annotated[bool, typer.Option("--lowercase", help="Lower-case every text; accents stay.")] = False,
    columns: Annotated[str, typer.Option(help="both, source or target.")] = "both",
    source_column: Annotated[str, typer.Option(help="Which column holds the sources; several by commas.")] = "source",
    target_column: Annotated[str, typer.Option(help="Which column holds the targets; several by commas.")] = "target",
    header: Annotated[str, typer.Option(help="Columns of CSV and TSV without a header line, by commas.")] = "",
    normalization: Annotated[str, typer.Option(help="Steps, as data.normalization of a recipe, by commas.")] = "",
) -> None:
    """Train a tokenizer on the texts of data files and show how well it covers them."""
    from ..base.console import build_table, errors
    from ..base.console import output as results
    from ..text.coverage import coverage_rows
    from ..verbs.tokenizer import train_tokenizer
    from .arguments import split_names

    coverage = train_tokenizer(
        data,
        output=output,
        kind=kind,
        size=size,
        lowercase=lowercase,
        columns=columns,
        source_column=split_names(source_column),
        target_column=split_names(target_column),
        header=split_names(header),
        normalization=split_names(normalization),
    )
    results().print(build_table(f"{kind}, {size} tokens", *coverage_rows(coverage)))
    errors().print(f"Written: {output}")
