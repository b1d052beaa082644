"""What a run leaves behind its last step: outputs for data.test, and their scores beside the baselines."""

from collections.abc import Sequence

from ..checkpoints.folder import Checkpoint
from ..run_folder.steps import CHECKPOINTS_FOLDER
from ..data.examples import Example
from ..metrics.options import EvaluationOptions
from ..base.files import write_json
from ..generation.generator import Generated
from ..base.console import output
from ..run_folder.folder import RunFolder
from ..reports.tables import build_score_table
from ..generation.scoring import build_prediction_rows, summarize_scores, score_outputs, write_baselines


def write_test_results(
    folder: RunFolder,
    plan: str,
    options: EvaluationOptions,
    examples: Sequence[Example],
    generated: Generated,
    checkpoint: Checkpoint,
) -> None:
    """Scores the outputs for data.test, writes them and their scores into the run folder, and prints the table.

    Args:
        plan: the name of the model's row; checkpoint: what the outputs were written with.
    """
    outputs = {plan: generated.texts} | write_baselines(examples, checkpoint.tokenizers, options)
    scores = {
        "split": "test",
        "examples": len(examples),
        "checkpoint": f"{CHECKPOINTS_FOLDER}/{checkpoint.folder.name}",
        **summarize_scores(score_outputs(outputs, examples, options)),
    }
    folder.write_predictions("test", build_prediction_rows(examples, generated))
    write_json(folder.scores, scores)
    title = f"{folder.path}: {len(examples)} test pairs"
    output().print(build_score_table(scores["rows"], title, scores["intervals"]))
