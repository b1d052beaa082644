"""Several runs side by side: one table of settings and test scores, what of the recipes differs, the same samples."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.errors import ScoringError
from ..base.formats import format_p_value
from ..base.mappings import list_keys
from ..run_folder.folder import RunFolder
from ..run_folder.record import Records, RunRecord
from .tables import Difference, Interval, format_difference, format_interval, format_value

NONE = "-"
SETTINGS = ("plan", "parameters", "learning rate", "steps", "minutes", "best validation")  # columns before the scores
Differences = Mapping[str, Mapping[str, Difference]]  # from the first run, by run and metric; the first run has none
Cell = tuple[str, ...]  # the lines of a table's cell


def name_runs(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names; whole paths where two have the same name.

    Raises:
        ScoringError: one is named twice.
    """
    # Resolved, as a link or a path with dots may name the same folder.
    paths = [run.path.resolve() for run in runs]
    for run, path in zip(runs, paths, strict=True):
        if paths.count(path) > 1:
            raise ScoringError(f"{run.path} is named twice. Name every run once.")
    names = [path.name for path in paths]
    if len(set(names)) == len(names):
        return names
    return [str(run.path) for run in runs]


def check_comparable(records: Sequence[RunRecord]) -> None:
    """Makes sure that runs which have test scores have them of the same data and of the same kind.

    Raises:
        ScoringError: some have scores and some have none, or two were not tested on the same data in the same way, or
            the outputs of one are gone, so that nobody can tell.
    """
    tested = [record for record in records if record.scores is not None]
    untested = [record for record in records if record.scores is None]
    if tested and untested:
        raise ScoringError(
            f"{untested[0].folder.path} has no test scores, and {tested[0].folder.path} has. Train it to its end "
            "with data.test in the recipe, or compare it with runs that have none either."
        )
    if len(tested) < 2:
        return
    for record in tested:
        get_predictions(record)  # those of all, before any two are compared
    first, *others = tested
    for record in others:
        _check_tested_alike(record, first)


def get_predictions(record: RunRecord) -> list[dict[str, Any]]:
    """The rows of a run that was tested.

    Raises:
        ScoringError: their file is gone.
    """
    if record.predictions is None:
        raise ScoringError(
            f"{record.folder.predictions('test')} is missing, so nobody can tell whether the runs were tested on "
            "the same data. Put it back, or report the runs one by one."
        )
    return record.predictions


def _check_tested_alike(record: RunRecord, first: RunRecord) -> None:
    if _list_tested(record) != _list_tested(first):
        raise ScoringError(
            f"{record.folder.path} was tested on other data than {first.folder.path}. Only like can be compared."
        )
    if record.signatures != first.signatures:
        raise ScoringError(
            f"{record.folder.path} was scored in another way than {first.folder.path}: "
            f"{record.signatures} and {first.signatures}. Only like can be compared."
        )


def _list_tested(record: RunRecord) -> list[tuple[str, list[str]]]:
    """What the outputs were written for and measured against."""
    tested = []
    for row in get_predictions(record):
        tested.append((row["source"], row["references"]))
    return tested


@dataclass(frozen=True)
class _Scored:
    """A row of a run's scores: values and intervals by metric."""

    values: Mapping[str, float]
    intervals: Mapping[str, Interval]


@dataclass(frozen=True)
class ComparisonTable:
    """Header and cells: a row for each baseline, then one for each run.

    Below a run's score stand its interval and, but for the first run, its difference from the first and that one's p.
    """

    header: list[str]
    rows: list[list[Cell]]


def build_comparison(
    records: Records,
    best: Mapping[str, Mapping[str, Any] | None],
    differences: Differences,
) -> ComparisonTable:
    """The table of some runs; without scores where they were not tested.

    Args:
        best: what best.json of each run holds, None where it has no validation.
    """
    metrics = _list_metrics(records)
    rows: list[list[Cell]] = []
    for name, scored in _collect_baselines(records).items():
        settings: list[Cell] = [(NONE,)] * len(SETTINGS)
        scores = _list_score_cells(metrics, scored, {})
        rows.append([(name,), *settings, *scores])
    for name, record in records.items():
        settings = _list_setting_cells(record, best[name])
        row: list[Cell] = [(name,), *settings]
        if record.scores is not None:
            own, *_ = _list_scored(record).values()  # the model's stand first
            from_first = differences.get(name, {})
            row += _list_score_cells(metrics, own, from_first)
        rows.append(row)
    header = ["run", *SETTINGS, *metrics]
    return ComparisonTable(header, rows)


def _list_metrics(records: Records) -> list[str]:
    """All that some run was scored by."""
    return list_keys(record.signatures for record in records.values())


def _list_scored(record: RunRecord) -> dict[str, _Scored]:
    """All rows of a run's scores by their names; none where it was not tested."""
    if record.scores is None:
        return {}
    intervals = record.scores.get("intervals", {})
    scored = {}
    for row, values in record.scores["rows"].items():
        scored[row] = _Scored(values, intervals.get(row, {}))
    return scored


def _collect_baselines(records: Records) -> dict[str, _Scored]:
    """The rows besides the models'. Runs share them, but for what depends on a run, such as its tokenizer's ceiling."""
    baselines: dict[str, _Scored] = {}
    for name, record in records.items():
        rows = list(_list_scored(record).items())
        for row, scored in rows[1:]:  # the model's own stands first
            known = baselines.setdefault(row, scored)
            # The same name with other values: this row is the run's own.
            if known.values != scored.values:
                baselines[f"{row} ({name})"] = scored
    return baselines


def _list_setting_cells(record: RunRecord, best: Mapping[str, Any] | None) -> list[Cell]:
    """The cells under SETTINGS."""
    counters = record.counters
    parameters = record.origin["totals"]["total"]
    minutes = counters["seconds"] / 60
    validation: Cell = (NONE,)
    if best:
        metric = best["metric"]
        validation = (metric, format_value(metric, best["value"]))
    return [
        (record.plan,),
        (f"{parameters:,}",),
        _list_rates(record.recipe["training"]),
        (f"{counters['step']:,}",),
        (f"{minutes:,.1f}",),
        validation,
    ]


def _list_rates(training: Mapping[str, Any]) -> Cell:
    rates = [f"{training['learning_rate']:g}"]
    for group, rate in training.get("learning_rates", {}).items():
        rates.append(f"{group} {rate:g}")
    return tuple(rates)


def _list_score_cells(
    metrics: Sequence[str],
    scored: _Scored,
    differences: Mapping[str, Difference],
) -> list[Cell]:
    cells = []
    for metric in metrics:
        value = scored.values.get(metric)
        interval = scored.intervals.get(metric)
        difference = differences.get(metric)
        lines = [format_value(metric, value)]
        if interval is not None:
            lines.append(format_interval(metric, interval))
        if difference is not None:
            lines.append(format_difference(metric, difference.value))
            lines.append(f"p {format_p_value(difference.p_value)}")
        cells.append(tuple(lines))
    return cells


def list_differing_settings(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Options in which runs differ, by dotted key: their values in the order of the runs, None where one lacks it."""
    differing = {}
    for key in list_keys(settings.values()):
        if key == "output":  # differs always
            continue
        values = [of_run.get(key) for of_run in settings.values()]
        first = values[0]
        if any(value != first for value in values):
            differing[key] = values
    return differing


def collect_samples(records: Records, count: int) -> list[list[tuple[str, str]]]:
    """Evenly spaced test rows, each as names and texts: source, reference, and the runs' outputs under their names."""
    predictions = {name: get_predictions(record) for name, record in records.items()}
    first, *_ = predictions.values()
    rows = len(first)
    shown = min(count, rows)
    samples = []
    for index in range(shown):
        position = index * rows // shown
        row = first[position]
        # No mapping: a run may be called source, or reference.
        sample = [("source", row["source"]), ("reference", row["references"][0])]
        for name, of_run in predictions.items():
            sample.append((name, of_run[position]["prediction"]))
        samples.append(sample)
    return samples
