"""The card of a run, or the comparison of several."""

from pathlib import Path
from typing import Any

from ...base.errors import ScoringError
from ...base.options import build_options
from ...base.signatures import takes_options
from ...run_folder.folder import RunFolder
from ..options.report import ReportOptions
from .card import explain_refused, write_report
from .compared_runs import check_page, compare_runs, write_comparison


@takes_options(ReportOptions)
def report(*runs: str | Path, **given: Any) -> Path:
    """Makes a run's card and pictures again, or writes a comparison of several runs; returns the page written.

    Example: report("runs/warm", "runs/cold", output="runs/compared")

    Args:
        runs: run folders; the others are tested against the first.

    Raises:
        CheckpointError: a folder holds no run.
        DataError: a file of one is missing or broken, or the page cannot be written or is not to be replaced.
        ScoringError: several were not tested alike, or are to be compared without an output, or a page of another kind
            stands there, which no option replaces.
    """
    options = build_options(ReportOptions, given)
    folders = [RunFolder(Path(run)) for run in runs]
    if options.output is not None:
        check_page(options.output, overwrite=options.overwrite)
        compared = compare_runs(folders)
        with explain_refused():
            return write_comparison(compared, options.output, options.samples)
    if len(folders) != 1:
        raise ScoringError(f"Found {len(folders)} runs and no output. Give the folder for their comparison.")
    with explain_refused():
        write_report(folders[0])
    return folders[0].card
