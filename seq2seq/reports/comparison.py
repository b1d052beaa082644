"""Several runs side by side: one table of their test scores, and the same samples of each."""

from collections.abc import Sequence

from ..errors import ScoringError
from ..files import load_json_lines
from .run_folder import RunFolder


def collect_scores(runs: Sequence[RunFolder]) -> dict[str, dict[str, float]]:
    """Test scores by row: the baselines of the first run, then each run's model under its folder's name.

    Raises:
        ScoringError: a run has no test scores, or two were not tested on the same data in the same way.
    """
    for run in runs:
        if not run.scores.exists():
            raise ScoringError(f"{run.path} has no scores.json. Train it to its end with data.test in the recipe.")
    loaded = {name: run.load_scores() for name, run in zip(name_runs(runs), runs, strict=True)}
    _check_alike(runs, list(loaded.values()))
    first = next(iter(loaded.values()))
    model_rows = {name: next(iter(scores["rows"].items())) for name, scores in loaded.items()}
    baselines = dict(list(first["rows"].items())[1:])
    for name, scores in loaded.items():
        # The ceiling is the tokenizer's: a run with another one gets its own row.
        for row, values in list(scores["rows"].items())[1:]:
            if baselines[row] != values:
                baselines[f"{row} ({name})"] = values
    return baselines | {f"{name} ({plan})": values for name, (plan, values) in model_rows.items()}


def name_runs(runs: Sequence[RunFolder]) -> list[str]:
    """The folders' names; whole paths where two have the same name."""
    names = [run.path.name for run in runs]
    return names if len(set(names)) == len(names) else [str(run.path) for run in runs]


def _check_alike(runs: Sequence[RunFolder], scores: Sequence[dict]) -> None:
    rows = [[(row["source"], row["references"]) for row in load_json_lines(run.predictions("test"))] for run in runs]
    for run, found, tested in zip(runs, scores, rows, strict=True):
        if tested != rows[0]:
            raise ScoringError(f"{run.path} was tested on other data than {runs[0].path}. Only like can be compared.")
        if found["signatures"] != scores[0]["signatures"]:
            raise ScoringError(
                f"{run.path} was scored in another way than {runs[0].path}: {found['signatures']} and "
                f"{scores[0]['signatures']}. Only like can be compared."
            )


def collect_samples(runs: Sequence[RunFolder], count: int) -> list[dict[str, str]]:
    """Evenly spaced test rows: source, reference, and each run's output under its folder's name."""
    loaded = (load_json_lines(run.predictions("test")) for run in runs)
    predictions = dict(zip(name_runs(runs), loaded, strict=True))
    first = next(iter(predictions.values()))
    places = [index * len(first) // count for index in range(min(count, len(first)))]
    return [
        {"source": first[place]["source"], "reference": first[place]["references"][0]}
        | {name: rows[place]["prediction"] for name, rows in predictions.items()}
        for place in places
    ]
