"""`seq2seq report`."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..verbs.options.report import ReportOptions
from .flags import read_flags, takes_flags

if TYPE_CHECKING:
    from ..verbs.report.compared_runs import ComparedRuns


@takes_flags(ReportOptions)
def run(
    runs: Annotated[list[Path], typer.Argument(help="Run folders; several must have been tested on the same data.")],
    **flags: Any,
) -> None:
    """Make a run's card again, or lay several runs side by side.

    One run: README.md and pictures/ of its folder are written anew from its other files. Several: one table of scores,
    paired tests and samples, in which the first is what the others are tested against.
    """
    from ..base.console import messages, output
    from ..run_folder.folder import RunFolder
    from ..verbs.report.card import explain_refused, write_report
    from ..verbs.report.closing import list_closing_lines
    from ..verbs.report.compared_runs import check_page, compare_runs, write_comparison

    options = read_flags(ReportOptions, flags)
    if options.output is not None:
        check_page(options.output, overwrite=options.overwrite)
    folders = [RunFolder(run) for run in runs]
    compared = compare_runs(folders)
    _print_scores(compared)
    _print_samples(compared, options.samples)
    if options.output is not None:
        with explain_refused():
            page = write_comparison(compared, options.output, options.samples)
        messages().print(f"Written: {page}")
    elif len(folders) == 1:
        with explain_refused():
            write_report(folders[0])
        messages().print(f"Written: {folders[0].card}, {folders[0].pictures}")
    for folder in folders:
        output().print(f"Run folder: {folder.path}")
    for line in list_closing_lines(compared.records):
        messages().print(line)


def _print_scores(compared: "ComparedRuns") -> None:
    """What the runs are, then their scores below those of the baselines: two tables, which fit narrow terminals."""
    from ..base.console import NARROW_WIDTH, build_fitting_table, output
    from ..reports.comparison import SETTINGS

    names = list(compared.records)
    rows = [list(map("\n".join, row)) for row in compared.table.rows]
    behind = 1 + len(SETTINGS)
    header = compared.table.header
    settings = [row[:behind] for row in rows if row[0] in names]
    output().print(build_fitting_table("Runs", header[:behind], settings, width=NARROW_WIDTH))
    # The runs were tested alike, which was checked: the first one's counts are those of all.
    scores = compared.records[names[0]].scores
    if scores is None:
        output().print("No test pairs.")
        return
    title = f"{scores['examples']:,} {scores['split']} pairs"
    cells = [[row[0], *row[behind:]] for row in rows]
    output().print(build_fitting_table(title, ["run", *header[behind:]], cells))


def _print_samples(compared: "ComparedRuns", count: int) -> None:
    from ..base.console import NARROW_WIDTH, output
    from ..reports.comparison import collect_samples
    from ..reports.markdown import shorten, show_on_one_line
    from ..reports.samples import MAX_CHARACTERS

    if not next(iter(compared.records.values())).predictions:
        return
    for sample in collect_samples(compared.records, count):
        output().print()
        for name, text in sample:
            line = show_on_one_line(shorten(text, MAX_CHARACTERS))
            output().print(fill(f"{name}: {line}", NARROW_WIDTH, subsequent_indent="  "))
