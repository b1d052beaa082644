"""One checkpoint of the mean weights of several."""

from collections.abc import Sequence
from pathlib import Path

from ..base.errors import CheckpointError
from ..checkpoints.averaging import Averaged, average_checkpoints
from ..checkpoints.find import find_checkpoint, list_last
from ..generation.outputs import check_output


def average(checkpoints: Sequence[str | Path], *, output: str | Path, last: int | None = None) -> Averaged:
    """Writes the mean of several checkpoints' weights as a checkpoint of its own, without training state.

    Example: average(["runs/mine"], last=5, output="runs/mine_average")

    Args:
        checkpoints: each as `load_checkpoint` takes it; or, with `last`, one run folder.
        last: how many of that run's newest checkpoints to average.
        output: the checkpoint folder to write.

    Raises:
        CheckpointError: there are fewer than two, they differ in config, tokenizers, sharing, framing or pruned heads,
            `output` exists, or the disk is full.
        DataError: `output` cannot be written.
    """
    if last is not None and len(checkpoints) != 1:
        raise CheckpointError(f"The last {last} checkpoints are those of one run; found {len(checkpoints)} names.")
    if not Path(output).exists():  # which is refused below
        check_output(Path(output))
    folders = map(find_checkpoint, checkpoints) if last is None else list_last(Path(checkpoints[0]), last)
    return average_checkpoints(list(folders), Path(output))
