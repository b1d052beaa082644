"""`seq2seq prune`."""

from pathlib import Path
from typing import Annotated

import typer

from .arguments import CheckpointName, Columns, DataNames, Header, format_truncated, name_columns, split_names


def run(
    checkpoint: CheckpointName,
    data: DataNames,
    output: Annotated[Path, typer.Option(help="The checkpoint folder to write; it must not exist.")],
    keep: Annotated[float | None, typer.Option(help="The share of heads that stays; left out: all.")] = None,
    encoder_layers: Annotated[int | None, typer.Option(min=1, help="How many stay; left out: all.")] = None,
    decoder_layers: Annotated[int | None, typer.Option(min=1, help="How many stay; left out: all.")] = None,
    per_round: Annotated[
        float, typer.Option(help="The share of heads that goes before the rest is weighed anew.")
    ] = 0.1,
    normalized: Annotated[bool, typer.Option("--normalized", help="Weigh heads within their layer.")] = False,
    test: Annotated[
        list[str] | None, typer.Option(help="Pairs that the curve is of; left out: those of --data.")
    ] = None,
    metrics: Annotated[
        str | None, typer.Option(help="Of the curve, beside the loss, by commas; the model writes at every point.")
    ] = None,
    curve: Annotated[bool, typer.Option(help="Measure losses as heads go, with a random order beside.")] = True,
    seed: Annotated[int, typer.Option(help="Of the random order.")] = 1,
    source_column: Columns = None,
    target_column: Columns = None,
    header: Header = None,
    batch_tokens: Annotated[int, typer.Option(help="Padded tokens of a batch: bounds memory.")] = 4096,
) -> None:
    """Remove the heads that matter least, and whole layers, and write the smaller checkpoint."""
    from ..base.console import build_table, errors
    from ..base.console import output as results
    from ..reports.pruning_curve import ORDERS
    from ..verbs.prune import prune

    found = prune(
        checkpoint,
        data,
        output=output,
        keep=keep,
        encoder_layers=encoder_layers,
        decoder_layers=decoder_layers,
        per_round=per_round,
        normalized=normalized,
        test=test,
        metrics=split_names(metrics) or (),
        curve=curve,
        seed=seed,
        columns=name_columns(source_column, target_column),
        header=split_names(header),
        batch_tokens=batch_tokens,
    )
    for stage in found["layer_losses"]:
        errors().print(f"Layers kept: encoder {stage['encoder']}, decoder {stage['decoder']}; loss {stage['loss']:.3f}")
    if found["curve"]:
        names = list(found["curve"][0]["by_importance"])
        header_row = ["heads left", *(f"{name}, {label}" for name in names for label in ORDERS.values())]
        rows = [
            [f"{point['heads']} ({point['share']:.0%})", *(f"{point[o][name]:.3f}" for name in names for o in ORDERS)]
            for point in found["curve"]
        ]
        results().print(build_table(f"{checkpoint}: pruned", header_row, rows))
    for option, counts in (("--data", found), ("--test", found["test_truncated"] if test else None)):
        if counts and (cut := format_truncated(option, counts)):
            errors().print(cut)
    before, left, after = found["before"], found["without_layers"], found["after"]
    if keep is not None and after["heads"] > (wanted := round(keep * left["heads"])):
        errors().print(
            f"{after['heads']} of {left['heads']} heads are left, more than the {wanted} that --keep {keep:g} asks "
            "for: every attention site keeps one"
        )
    elif keep is not None and after["heads"] == left["heads"]:
        errors().print(f"No head went: {keep:g} of the {left['heads']} in the layers that are left is all of them")
    errors().print(
        f"Written: {output}: {before['heads']} -> {after['heads']} heads, {before['parameters']:,} -> "
        f"{after['parameters']:,} parameters. A recipe that trains it on has "
        f"model: {{plan: pretrained, checkpoint: {output}}}"
    )
