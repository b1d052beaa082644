"""`seq2seq report`."""

from pathlib import Path
from typing import Annotated

import typer


def run(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; several must have been tested on the same data.")],
    output: Annotated[
        Path | None, typer.Option(help="A folder for the comparison of several runs as README.md with its picture.")
    ] = None,
    samples: Annotated[int, typer.Option(min=0, help="How many test rows to show of every run.")] = 3,
) -> None:
    """Make a run's card and pictures again, or lay several runs side by side: scores, paired tests, samples.

    One run: README.md and pictures/ of its folder are written anew from its other files. Several: one table, in which
    the first is what the others are tested against.
    """
    from ..base.console import build_fitting_table, errors
    from ..base.console import output as results
    from ..reports.comparison import collect_samples
    from ..reports.markdown import shorten, show_on_one_line
    from ..reports.samples import MAX_CHARACTERS
    from ..run_folder.folder import RunFolder
    from ..verbs.report.card import explain_refused, write_report
    from ..verbs.report.compared_runs import check_page, compare_runs, write_comparison

    if output is not None:
        check_page(output)
    folders = [RunFolder(run) for run in runs]
    compared = compare_runs(folders)
    console = results()
    first = next(iter(compared.records.values()))
    title = f"{first.scores['examples']:,} {first.scores['split']} pairs" if first.scores else "no test pairs"
    rows = [list(map("\n".join, row)) for row in compared.table.rows]
    console.print(build_fitting_table(title, compared.table.header, rows))
    for sample in collect_samples(compared.records, samples) if first.predictions else []:
        console.print()
        for name, text in sample:
            console.print(f"{name}: {show_on_one_line(shorten(text, MAX_CHARACTERS))}")
    if output is not None:
        with explain_refused():
            page = write_comparison(compared, output, samples)
        errors().print(f"Written: {page}")
    elif len(folders) == 1:
        with explain_refused():
            write_report(folders[0])
        errors().print(f"Written: {folders[0].card}, {folders[0].pictures}")
    for folder in folders:
        console.print(f"Run folder: {folder.path}")
