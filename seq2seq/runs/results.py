"""What a run leaves behind its last step: outputs for data.test, and their scores beside the baselines."""

from ..base.console import output
from ..base.files import write_json
from ..checkpoints.folder import Checkpoint
from ..data.examples import show_sources
from ..generation.generator import Generated
from ..generation.scoring import build_prediction_rows, score_outputs, summarize_scores, write_baselines
from ..metrics.blindness import tell_blind_metrics
from ..metrics.options import EvaluationOptions
from ..reports.tables import build_score_table
from ..run_folder.folder import RunFolder
from ..run_folder.steps import CHECKPOINTS_FOLDER
from ..sources.source import Source
from .splits import TextData


def write_test_results(
    folder: RunFolder,
    plan: str,
    options: EvaluationOptions,
    test: TextData,
    generated: Generated,
    checkpoint: Checkpoint,
    source: Source,
) -> None:
    """Scores the outputs for data.test, writes them and their scores into the run folder, and prints the table.

    Args:
        plan: the name of the model's row.
        test: what the outputs were written for.
        checkpoint: what the outputs were written with.
        source: what the examples' sources are.
    """
    outputs = {plan: generated.texts}
    examples = show_sources(test.examples, source)
    outputs |= write_baselines(examples, checkpoint.tokenizers, options, with_sources=source.is_text)
    scores = {
        "split": "test",
        "examples": len(examples),
        "left_out": test.left_out.rows,
        "checkpoint": f"{CHECKPOINTS_FOLDER}/{checkpoint.folder.name}",
        **summarize_scores(score_outputs(outputs, examples, options)),
    }
    rows = build_prediction_rows(examples, generated)
    folder.write_predictions("test", rows)
    # Behind the outputs they are of: a crash between the two leaves no scores of other outputs.
    write_json(folder.scores, scores)
    title = f"{folder.path}: {len(examples)} test pairs"
    if test.left_out.rows:
        title += f", {test.left_out.rows} without text left out"
    table = build_score_table(scores["rows"], title, scores["intervals"])
    output().print(table)
    # Told when the run began, perhaps days ago.
    tell_blind_metrics([example.source for example in examples], [example.references for example in examples], options)
