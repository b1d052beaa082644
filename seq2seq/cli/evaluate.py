"""`seq2seq evaluate`."""

import os
from pathlib import Path
from typing import Annotated

import typer

from .arguments import CheckpointName, Columns, DataNames, Header, name_columns, split_names


def run(
    checkpoint: CheckpointName,
    data: DataNames,
    output: Annotated[Path, typer.Option(help="The folder for predictions.jsonl and scores.json.")] = Path(
        "evaluation"
    ),
    metrics: Annotated[str | None, typer.Option(help="Separated by commas; left out: as the checkpoint says.")] = None,
    source_column: Columns = None,
    target_column: Columns = None,
    header: Header = None,
    num_beams: Annotated[int | None, typer.Option(help="Left out: as the checkpoint says.")] = None,
) -> None:
    """Generate for a data file and score the outputs with intervals, beside baselines and the tokenizer's ceiling."""
    from ..base.console import errors
    from ..base.console import output as results
    from ..processes.launch import is_first_process
    from ..reports.tables import build_score_table
    from ..verbs.evaluate import evaluate

    scores = evaluate(
        checkpoint,
        data,
        output=output,
        columns=name_columns(source_column, target_column),
        header=split_names(header),
        evaluation=None if metrics is None else {"metrics": split_names(metrics)},
        **({"num_beams": num_beams} if num_beams is not None else {}),
    )
    if not is_first_process(os.environ):
        return
    results().print(build_score_table(scores["rows"], f"{checkpoint}: {scores['examples']} pairs", scores["intervals"]))
    errors().print(f"Written: {output / 'predictions.jsonl'}, {output / 'scores.json'}")
