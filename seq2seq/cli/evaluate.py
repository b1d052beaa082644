"""`seq2seq evaluate`."""

import os
from typing import Any

from ..verbs.options.evaluate import EvaluateOptions
from .arguments import CheckpointName
from .flags import read_flags, takes_flags


@takes_flags(EvaluateOptions)
def run(checkpoint: CheckpointName, **flags: Any) -> None:
    """Write outputs for data files and score them beside baselines.

    Scores come with intervals, and with the ceiling that the tokenizer allows. Options from --num-beams on, left out,
    are as the checkpoint was trained with.
    """
    from ..base.console import messages, output
    from ..processes.launch import is_first_process
    from ..reports.tables import build_score_table
    from ..verbs.early_checks import check_evaluate

    options = read_flags(EvaluateOptions, flags)
    check_evaluate(checkpoint, options)
    from ..verbs.evaluate import evaluate

    scores = evaluate(checkpoint, **dict(options))
    if not is_first_process(os.environ):
        return
    output().print(build_score_table(scores["rows"], f"{checkpoint}: {scores['examples']} pairs", scores["intervals"]))
    messages().print(f"Written: {options.output / 'predictions.jsonl'}, {options.output / 'scores.json'}")
