"""`seq2seq prune`."""

from typing import Any

from ..verbs.options import PruneOptions
from .arguments import CheckpointName, format_truncated
from .flags import read_flags, takes_flags


@takes_flags(PruneOptions)
def run(checkpoint: CheckpointName, **flags: Any) -> None:
    """Remove the heads and layers that matter least.

    Writes the smaller checkpoint.
    """
    from ..base.console import build_table, errors, output
    from ..verbs.early_checks import check_prune

    options = read_flags(PruneOptions, flags)
    check_prune(checkpoint, options)
    from ..reports.pruning_curve import ORDERS
    from ..verbs.prune import prune

    found = prune(checkpoint, **dict(options))
    for stage in found["layer_losses"]:
        errors().print(f"Layers kept: encoder {stage['encoder']}, decoder {stage['decoder']}; loss {stage['loss']:.3f}")
    if found["curve"]:
        names = list(found["curve"][0]["by_importance"])
        header_row = ["heads left", *(f"{name}, {label}" for name in names for label in ORDERS.values())]
        rows = [
            [f"{point['heads']} ({point['share']:.0%})", *(f"{point[o][name]:.3f}" for name in names for o in ORDERS)]
            for point in found["curve"]
        ]
        output().print(build_table(f"{checkpoint}: pruned", header_row, rows))
    for option, counts in (("--data", found), ("--test", found["test_truncated"] if options.test else None)):
        if counts and (cut := format_truncated(option, counts)):
            errors().print(cut)
    if options.keep is not None and (note := _format_heads(options.keep, found)):
        errors().print(note)
    before, after = found["before"], found["after"]
    errors().print(
        f"Written: {options.output}: {before['heads']} -> {after['heads']} heads, {before['parameters']:,} -> "
        f"{after['parameters']:,} parameters. A recipe that trains it on has "
        f"model: {{plan: pretrained, checkpoint: {options.output}}}"
    )


def _format_heads(keep: float, found: dict[str, Any]) -> str | None:
    """What to say where other heads are left than were asked for, or all; else None."""
    of, left = found["without_layers"]["heads"], found["after"]["heads"]
    if left > (wanted := round(keep * of)):
        return (
            f"{left} of {of} heads are left, more than the {wanted} that --keep {keep:g} asks for: every attention "
            "site keeps one"
        )
    return f"No head went: {keep:g} of the {of} in the layers that are left is all of them" if left == of else None
