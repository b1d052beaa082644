"""The card of a run, or the comparison of several."""

from pathlib import Path

from ...base.errors import ScoringError
from ...run_folder.folder import RunFolder
from .card import explain_refused, write_report
from .compared_runs import check_page, compare_runs, write_comparison


def report(*runs: str | Path, output: str | Path | None = None, samples: int = 3) -> Path:
    """Makes a run's card and pictures again, or writes a comparison of several runs; returns the page written.

    Example: report("runs/warm", "runs/cold", output="runs/compared")

    Args:
        runs: run folders; the others are tested against the first.
        output: the folder for the comparison; left out for the card of one run.
        samples: how many test rows the comparison shows.

    Raises:
        CheckpointError: a folder holds no run.
        DataError: a file of one is missing or broken, or the page cannot be written.
        ScoringError: several were not tested alike, or are to be compared without an output, or a page of another kind
            stands there.
    """
    folders = [RunFolder(Path(run)) for run in runs]
    if output is not None:
        check_page(Path(output))
        compared = compare_runs(folders)
        with explain_refused():
            return write_comparison(compared, Path(output), samples)
    if len(folders) != 1:
        raise ScoringError(f"Found {len(folders)} runs and no output. Give the folder for their comparison.")
    with explain_refused():
        write_report(folders[0])
    return folders[0].card
