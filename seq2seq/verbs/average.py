"""One checkpoint of the mean weights of several."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..base.options import build_options
from ..base.signatures import takes_options
from ..checkpoints.averaging import Averaged, average_checkpoints
from ..checkpoints.find import find_checkpoint, list_last
from .early_checks import check_average
from .options.average import AverageOptions


@takes_options(AverageOptions)
def average(checkpoints: Sequence[str | Path], **given: Any) -> Averaged:
    """Writes the mean of several checkpoints' weights as a checkpoint of its own, without training state.

    Example: average(["runs/mine"], last=5, output="runs/mine_average")

    Args:
        checkpoints: each as `load_checkpoint` takes it; or, with `last`, one run folder.

    Raises:
        CheckpointError: there are fewer than two, they differ in config, tokenizers, sharing, framing or pruned heads,
            `output` exists and is not to be replaced, or the disk is full.
        DataError: `output` cannot be written.
    """
    options = build_options(AverageOptions, given)
    check_average(checkpoints, options)
    last = options.last
    folders = map(find_checkpoint, checkpoints) if last is None else list_last(Path(checkpoints[0]), last)
    return average_checkpoints(list(folders), options.output, overwrite=options.overwrite)
