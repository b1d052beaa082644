"""Several runs side by side: one table of settings and test scores, what of the recipes differs, the same samples."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ..base.errors import ScoringError
from ..run_folder.folder import RunFolder
from ..run_folder.record import RunRecord
from .tables import format_difference, format_interval, format_value

NONE = "-"


class Difference(NamedTuple):
    """A run's score less that of the first run, its interval, and how probable one as large is by chance."""

    value: float
    low: float
    high: float
    p_value: float


Differences = Mapping[str, Mapping[str, Difference]]  # by run and metric; the first run has none
Cell = tuple[str, ...]  # the lines of a table's cell


def name_runs(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names; whole paths where two have the same name.

    Raises:
        ScoringError: one is named twice.
    """
    paths = [run.path.resolve() for run in runs]
    if twice := [run.path for run, path in zip(runs, paths, strict=True) if paths.count(path) > 1]:
        raise ScoringError(f"{twice[0]} is named twice. Name every run once.")
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def check_comparable(records: Sequence[RunRecord]) -> bool:
    """Whether the runs have test scores; makes sure that they are of the same data and of the same kind.

    Raises:
        ScoringError: some have scores and some have none, or two were not tested on the same data in the same way, or
            the outputs of one are gone, so that nobody can tell.
    """
    tested = [record.scores is not None for record in records]
    if not all(tested):
        if any(tested):
            lacking = records[tested.index(False)].folder.path
            raise ScoringError(
                f"{lacking} has no test scores, and {records[tested.index(True)].folder.path} has. Train it to its end "
                "with data.test in the recipe, or compare it with runs that have none either."
            )
        return False
    first, *others = records
    for record in records if others else ():
        if record.predictions is None:
            raise ScoringError(
                f"{record.folder.predictions('test')} is missing, so nobody can tell whether the runs were tested on "
                "the same data. Put it back, or report the runs one by one."
            )
    for record in others:
        if _list_tested(record) != _list_tested(first):
            raise ScoringError(
                f"{record.folder.path} was tested on other data than {first.folder.path}. Only like can be compared."
            )
        if record.scores["signatures"] != first.scores["signatures"]:
            raise ScoringError(
                f"{record.folder.path} was scored in another way than {first.folder.path}: "
                f"{record.scores['signatures']} and {first.scores['signatures']}. Only like can be compared."
            )
    return True


def _list_tested(record: RunRecord) -> list[tuple]:
    return [(row["source"], row["references"]) for row in record.predictions]


def build_comparison(
    records: Mapping[str, RunRecord], best: Mapping[str, Mapping[str, Any] | None], differences: Differences
) -> tuple[list[str], list[list[Cell]]]:
    """Header and cells: a row for each baseline, then one for each run.

    Below a run's score stand its interval and, but for the first run, its difference from the first and that one's p.

    Args:
        best: what best.json of each run holds, None where it has no validation.
    """
    tested = all(record.scores is not None for record in records.values())
    metrics = list(dict.fromkeys(name for record in records.values() if tested for name in record.scores["signatures"]))
    header = ["run", "plan", "parameters", "learning rate", "steps", "minutes", "best validation", *metrics]
    rows = []
    for name, (values, intervals) in (_collect_baselines(records) if tested else {}).items():
        cells = [_format_score(metric, values, intervals, None) for metric in metrics]
        rows.append([(name,), *[(NONE,)] * (len(header) - 1 - len(metrics)), *cells])
    for name, record in records.items():
        cells = [(name,), *_to_row(record, best[name])]
        if tested:
            values, intervals = _find_own_scores(record)
            found = differences.get(name, {})
            cells += [_format_score(metric, values, intervals, found.get(metric)) for metric in metrics]
        rows.append(cells)
    return header, rows


Scored = tuple[Mapping[str, float], Mapping[str, Sequence[float]]]  # values and intervals by metric


def _find_own_scores(record: RunRecord) -> Scored:
    """Those of the model, which stand first."""
    row = next(iter(record.scores["rows"]))
    return record.scores["rows"][row], record.scores.get("intervals", {}).get(row, {})


def _collect_baselines(records: Mapping[str, RunRecord]) -> dict[str, Scored]:
    """The rows besides the models'. Runs share them, but for what depends on a run, such as its tokenizer's ceiling."""
    baselines: dict[str, Scored] = {}
    for name, record in records.items():
        for row, values in list(record.scores["rows"].items())[1:]:
            scored = (values, record.scores.get("intervals", {}).get(row, {}))
            known = baselines.setdefault(row, scored)
            if known[0] != values:
                baselines[f"{row} ({name})"] = scored
    return baselines


def _to_row(record: RunRecord, best: Mapping[str, Any] | None) -> list[Cell]:
    training, counters = record.recipe["training"], record.counters
    rates = [f"{training['learning_rate']:g}"]
    rates += [f"{group} {rate:g}" for group, rate in training.get("learning_rates", {}).items()]
    validation = (best["metric"], format_value(best["metric"], best["value"])) if best else (NONE,)
    return [
        (record.plan,),
        (f"{record.origin['totals']['total']:,}",),
        tuple(rates),
        (f"{counters['step']:,}",),
        (f"{counters['seconds'] / 60:,.1f}",),
        validation,
    ]


def _format_score(
    metric: str,
    values: Mapping[str, float],
    intervals: Mapping[str, Sequence[float]],
    difference: Difference | None,
) -> Cell:
    lines = [format_value(metric, values.get(metric))]
    if metric in intervals:
        lines.append(format_interval(metric, intervals[metric]))
    if difference is not None:
        lines += [format_difference(metric, difference.value), format_p(difference.p_value)]
    return tuple(lines)


def format_p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p {value:.3f}"


def list_differing_settings(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Options in which runs differ, by dotted key: their values in the order of the runs, None where one lacks it."""
    keys = dict.fromkeys(key for flat in settings.values() for key in flat)
    values = {key: [flat.get(key) for flat in settings.values()] for key in keys if key != "output"}
    return {key: found for key, found in values.items() if any(value != found[0] for value in found)}


def collect_samples(records: Mapping[str, RunRecord], count: int) -> list[list[tuple[str, str]]]:
    """Evenly spaced test rows, each as names and texts: source, reference, and the runs' outputs under their names."""
    first = next(iter(records.values())).predictions
    places = [index * len(first) // count for index in range(min(count, len(first)))]
    return [
        [
            ("source", first[place]["source"]),
            ("reference", first[place]["references"][0]),
            *((name, record.predictions[place]["prediction"]) for name, record in records.items()),
        ]
        for place in places
    ]
