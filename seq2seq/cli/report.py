"""`seq2seq report`."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    runs: Annotated[list[Path], typer.Argument(help="Run folders that were tested on the same data.")],
    samples: Annotated[int, typer.Option(help="How many test rows to show.")] = 3,
    plot: Annotated[
        Path | None, typer.Option(help="Where to draw the losses of the runs, for instance losses.png.")
    ] = None,
) -> None:
    """Lay runs side by side: one table of test scores, and samples of their outputs."""
    from ..reports.comparison import collect_samples, collect_scores
    from ..reports.console import output
    from ..reports.plots import plot_losses
    from ..reports.run_folder import RunFolder
    from ..reports.tables import build_score_table

    folders = [RunFolder(run) for run in runs]
    console = output()
    console.print(build_score_table(collect_scores(folders), f"{folders[0].load_scores()['examples']} test pairs"))
    for sample in collect_samples(folders, samples):
        console.print()
        for name, text in sample.items():
            console.print(f"{name}: {text}")
    console.print()
    if plot is not None:
        plot_losses(folders, plot)
        console.print(f"Losses drawn: {plot}")
    for folder in folders:
        console.print(f"Run folder: {folder.path}")
