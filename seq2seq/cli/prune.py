"""`seq2seq prune`."""

from typing import TYPE_CHECKING, Any

from ..verbs.options.prune import PruneOptions
from .arguments import CheckpointName, format_truncated
from .flags import read_flags, takes_flags

if TYPE_CHECKING:
    from rich.table import Table


@takes_flags(PruneOptions)
def run(checkpoint: CheckpointName, **flags: Any) -> None:
    """Remove the heads and layers that matter least.

    Writes the smaller checkpoint.
    """
    from ..base.console import errors, messages, output
    from ..verbs.early_checks import check_prune

    options = read_flags(PruneOptions, flags)
    check_prune(checkpoint, options)
    from ..verbs.prune import prune

    result = prune(checkpoint, **dict(options))
    for stage in result["layer_losses"]:
        messages().print(
            f"Layers kept: encoder {stage['encoder']}, decoder {stage['decoder']}; loss {stage['loss']:.3f}"
        )
    if result["curve"]:
        output().print(_build_curve_table(f"{checkpoint}: pruned", result["curve"]))
    for note in _list_notes(options, result):
        errors().print(note)
    before = result["before"]
    after = result["after"]
    messages().print(
        f"Written: {options.output}: {before['heads']} -> {after['heads']} heads, {before['parameters']:,} -> "
        f"{after['parameters']:,} parameters. A recipe that trains it on has "
        f"model: {{plan: pretrained, checkpoint: {options.output}}}"
    )


def _list_notes(options: PruneOptions, result: dict[str, Any]) -> list[str]:
    """What turned out otherwise than it was asked for: texts that were cut, heads that had to stay."""
    notes = [format_truncated("--data", result)]
    if options.test:
        notes.append(format_truncated("--test", result["test_truncated"]))
    if options.keep is not None:
        notes.append(_format_heads(options.keep, result))
    return [note for note in notes if note is not None]


def _build_curve_table(title: str, curve: list[dict[str, Any]]) -> "Table":
    """A row for each number of heads left, with every figure by every order in which heads go."""
    from ..base.console import build_table
    from ..reports.pruning_curve import ORDERS

    names = list(curve[0]["by_importance"])
    columns = [(name, order) for name in names for order in ORDERS]
    header = ["heads left", *(f"{name}, {ORDERS[order]}" for name, order in columns)]
    rows = []
    for point in curve:
        figures = [f"{point[order][name]:.3f}" for name, order in columns]
        rows.append([f"{point['heads']} ({point['share']:.0%})", *figures])
    return build_table(title, header, rows)


def _format_heads(keep: float, result: dict[str, Any]) -> str | None:
    """What to say where other heads are left than were asked for, or all; else None."""
    of = result["without_layers"]["heads"]
    left = result["after"]["heads"]
    wanted = round(keep * of)
    if left > wanted:
        return (
            f"{left} of {of} heads are left, more than the {wanted} that --keep {keep:g} asks for: every attention "
            "site keeps one"
        )
    if left == of:
        return f"No head went: {keep:g} of the {of} in the layers that are left is all of them"
    return None
