"""The report of several runs: one table, paired tests against the first, samples. Loads no model, imports no torch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...base.console import show_progress
from ...base.errors import ScoringError
from ...base.files import write_text
from ...base.mappings import flatten
from ...base.output_paths import check_replaceable
from ...generation.outputs import check_output_folder
from ...metrics.options import EvaluationOptions
from ...metrics.scores import compare_predictions
from ...metrics.significance import TRIALS, Bootstrap
from ...reports.comparison import (
    ComparisonTable,
    Differences,
    build_comparison,
    check_comparable,
    get_predictions,
    name_runs,
)
from ...reports.comparison_page import build_comparison_page, is_comparison_page
from ...reports.curves import build_loss_comparison
from ...reports.plots import save_figure
from ...reports.tables import Difference
from ...run_folder.folder import RunFolder
from ...run_folder.record import RunRecord, load_run_record
from ...run_folder.steps import load_best
from .card import load_evaluation

PAGE = "README.md"
LOSSES = "pictures/losses.png"


@dataclass(frozen=True)
class ComparedRuns:
    """Runs by the names they go by, their table, and how their scores differ from the first run's."""

    records: dict[str, RunRecord]
    table: ComparisonTable
    differences: Differences


def check_page(output: Path, *, overwrite: bool) -> None:
    """Makes sure, before any work is done, that a comparison may be written into a folder.

    Raises:
        DataError: the folder cannot be written to, or holds a comparison that is not to be replaced.
        ScoringError: it holds a README.md that is something else, such as a run's card.
    """
    page = output / PAGE
    check_output_folder(output)
    if page.exists():
        text = page.read_text(encoding="utf-8", errors="replace")
        if not is_comparison_page(text):
            raise ScoringError(f"{page} is there already and is no comparison of runs. Choose another output.")
    check_replaceable([page, output / LOSSES], overwrite=overwrite)


def compare_runs(folders: Sequence[RunFolder]) -> ComparedRuns:
    """Lays runs side by side.

    Raises:
        CheckpointError: a folder holds no run.
        DataError: a file of one is missing or broken.
        ScoringError: they were not tested on the same data in the same way.
    """
    loaded = [load_run_record(folder) for folder in folders]
    records = dict(zip(name_runs(folders), loaded, strict=True))
    check_comparable(loaded)
    best = {name: load_best(record.folder.path) for name, record in records.items()}
    differences = _compute_differences(records)
    table = build_comparison(records, best, differences)
    return ComparedRuns(records, table, differences)


def write_comparison(compared: ComparedRuns, output: Path, samples: int) -> Path:
    """Writes a comparison as README.md and its picture into a folder; returns the page's path."""
    figure = build_loss_comparison(compared.records)
    if figure is not None:
        save_figure(figure, output / LOSSES)
    page = build_comparison_page(
        compared.records,
        compared.table,
        differences=compared.differences,
        settings={name: flatten(record.recipe) for name, record in compared.records.items()},
        picture=LOSSES if figure is not None else None,
        samples=samples,
    )
    output.mkdir(parents=True, exist_ok=True)
    write_text(output / PAGE, page)
    return output / PAGE


def _compute_differences(records: dict[str, RunRecord]) -> Differences:
    """How every run's scores differ from the first run's, by metric; paired over the test rows. None without scores."""
    # The first run is what all others are measured against.
    (_, first), *others = records.items()
    if not others or first.scores is None:
        return {}
    options = load_evaluation(first)
    with show_progress("comparing", len(others) * len(options.metrics)) as bar:
        return {name: _compare(record, first, options, bar.advance) for name, record in others}


def _compare(
    record: RunRecord,
    first: RunRecord,
    options: EvaluationOptions,
    advance: Callable[[], None],
) -> dict[str, Difference]:
    rows = get_predictions(first)
    compared = compare_predictions(
        sources=[row["source"] for row in rows],
        predictions_a=[row["prediction"] for row in get_predictions(record)],
        predictions_b=[row["prediction"] for row in rows],
        references=[row["references"] for row in rows],
        options=options,
        bootstrap=Bootstrap(),
        trials=TRIALS,
        advance=advance,
    )
    differences = {}
    for metric, comparison in compared.items():
        test = comparison.test
        differences[metric] = Difference(
            test.difference,
            test.low,
            test.high,
            test.p_value,
        )
    return differences
