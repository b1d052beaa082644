"""Several runs side by side: one table of their test scores, and the same samples of each."""

from collections.abc import Sequence

from ..errors import ScoringError
from ..files import load_json_lines
from .run_folder import RunFolder


def collect_scores(runs: Sequence[RunFolder]) -> dict[str, dict[str, float]]:
    """Test scores by row: the baselines of the first run, then each run's model under its folder's name.

    Raises:
        ScoringError: a run has no test scores, or was tested on another number of examples than the first.
    """
    loaded = {}
    for run in runs:
        if not run.scores.exists():
            raise ScoringError(f"{run.path} has no scores.json. Train it to its end with data.test in the recipe.")
        loaded[run] = run.load_scores()
    sizes = {run.path.name: scores["examples"] for run, scores in loaded.items()}
    if len(set(sizes.values())) > 1:
        raise ScoringError(f"The runs were tested on different data: {sizes} examples. Only like can be compared.")
    first = next(iter(loaded.values()))
    model_rows = {run.path.name: next(iter(scores["rows"].items())) for run, scores in loaded.items()}
    baselines = dict(list(first["rows"].items())[1:])
    return baselines | {f"{name} ({plan})": values for name, (plan, values) in model_rows.items()}


def collect_samples(runs: Sequence[RunFolder], count: int) -> list[dict[str, str]]:
    """Evenly spaced test rows: source, reference, and each run's output under its folder's name."""
    predictions = {run.path.name: load_json_lines(run.predictions("test")) for run in runs}
    first = next(iter(predictions.values()))
    places = [index * len(first) // count for index in range(min(count, len(first)))]
    return [
        {"source": first[place]["source"], "reference": first[place]["references"][0]}
        | {name: rows[place]["prediction"] for name, rows in predictions.items()}
        for place in places
    ]
