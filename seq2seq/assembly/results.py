"""What a run leaves behind its last step: outputs for data.test, and their scores beside the baselines."""

from collections.abc import Sequence
from pathlib import Path

from ..checkpoints.steps import CHECKPOINTS_FOLDER
from ..data.examples import Example
from ..files import write_json
from ..recipe import Recipe
from ..reports.console import output
from ..reports.run_folder import RunFolder
from ..reports.tables import build_score_table
from ..text.tokenizers import TokenizerPair
from .scoring import describe_predictions, describe_scores, score_baselines, score_predictions


def write_test_results(
    folder: RunFolder,
    recipe: Recipe,
    examples: Sequence[Example],
    predictions: Sequence[str],
    *,
    checkpoint: Path,
    tokenizers: TokenizerPair,
) -> None:
    """Scores the outputs for data.test, writes them and their scores into the run folder, and prints the table.

    Args:
        checkpoint: the folder that the outputs were written with; tokenizers: its tokenizers.
    """
    options = recipe.evaluation
    rows = {recipe.model.plan: score_predictions(examples, predictions, options)}
    rows |= score_baselines(examples, tokenizers, options)
    scores = {
        "split": "test",
        "examples": len(examples),
        "checkpoint": f"{CHECKPOINTS_FOLDER}/{checkpoint.name}",
        **describe_scores(rows),
    }
    folder.write_predictions("test", describe_predictions(examples, predictions))
    write_json(folder.scores, scores)
    output().print(build_score_table(scores["rows"], title=f"{folder.path}: {len(examples)} test pairs"))
