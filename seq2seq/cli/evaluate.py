"""`seq2seq evaluate`."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    checkpoint: Annotated[str, typer.Argument(help="A run folder, a checkpoint folder or a hub name.")],
    data: Annotated[list[str], typer.Option(help="A data file, as in a recipe; may be given more than once.")],
    output: Annotated[Path, typer.Option(help="The folder for predictions.jsonl and scores.json.")] = Path(
        "evaluation"
    ),
    metrics: Annotated[str | None, typer.Option(help="Separated by commas; left out: as the checkpoint says.")] = None,
    source_column: Annotated[
        str | None, typer.Option(help="Several by commas; left out: as the checkpoint says.")
    ] = None,
    target_column: Annotated[
        str | None, typer.Option(help="Several by commas; left out: as the checkpoint says.")
    ] = None,
    header: Annotated[str | None, typer.Option(help="Columns of CSV and TSV without a header line, by commas.")] = None,
    num_beams: Annotated[int | None, typer.Option(help="Left out: as the checkpoint says.")] = None,
) -> None:
    """Generate for a data file and score the outputs with intervals, beside baselines and the tokenizer's ceiling."""
    from .. import api
    from ..reports.console import errors
    from ..reports.console import output as results
    from ..reports.tables import build_score_table
    from .arguments import split_names

    columns = {"source": split_names(source_column), "target": split_names(target_column)}
    scores = api.evaluate(
        checkpoint,
        data,
        output=output,
        columns={name: value for name, value in columns.items() if value is not None},
        header=split_names(header),
        evaluation=None if metrics is None else {"metrics": split_names(metrics)},
        **({"num_beams": num_beams} if num_beams is not None else {}),
    )
    results().print(build_score_table(scores["rows"], f"{checkpoint}: {scores['examples']} pairs", scores["intervals"]))
    errors().print(f"Written: {output / 'predictions.jsonl'}, {output / 'scores.json'}")
