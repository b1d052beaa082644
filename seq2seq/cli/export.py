"""`seq2seq export`."""

from typing import Any

from ..verbs.options.export import ExportOptions
from .arguments import CheckpointName
from .flags import read_flags, takes_flags


@takes_flags(ExportOptions)
def run(checkpoint: CheckpointName, **flags: Any) -> None:
    """Write a checkpoint for another library.

    It is compared with the model before it is kept.
    """
    from ..base.console import errors, messages
    from ..base.formats import format_bytes
    from ..verbs.early_checks import check_export

    options = read_flags(ExportOptions, flags)
    check_export(checkpoint, options)
    from ..verbs.export import export

    exported = export(checkpoint, **dict(options))
    equality = exported.equality
    same_beams = f"{equality.equal_beams} outputs of beams are the same"
    beams = f"{options.format} has no beams" if equality.equal_beams is None else same_beams
    if exported.restored:
        errors().print(
            f"{exported.restored} heads that were pruned are zeros in it: {options.format} has one number for all "
            "layers."
        )
    if exported.truncated:
        errors().print(
            f"Of the pairs that it was compared on, {exported.truncated} had a text beyond the checkpoint's limits, "
            "which was truncated."
        )
    messages().print(
        f"Written: {options.output} ({format_bytes(exported.size)}). Compared with the model on {equality.texts} "
        f"texts: log-probabilities of tokens differ by at most {equality.largest_difference:.2g}; {equality.equal} "
        f"greedy outputs are the same, {equality.ties} others as good; {beams}."
    )
