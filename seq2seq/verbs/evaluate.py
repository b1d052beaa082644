"""Outputs of a checkpoint for data files, measured beside the baselines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..base.console import errors
from ..base.files import write_json, write_json_lines
from ..base.options import build_options
from ..base.signatures import takes_options
from ..data.empty_rows import LeftOut
from ..data.examples import Example, load_examples, show_sources
from ..data.references import find_other_references
from ..generation.loading import build_source, load_generator, load_model, read_layout
from ..generation.scoring import (
    build_prediction_rows,
    score_outputs,
    summarize_scores,
    write_baselines,
)
from ..metrics.blindness import find_blind_metrics, find_seeing_metrics, format_replaced
from ..metrics.options import EvaluationOptions
from ..metrics.table import refuse_source_metrics
from ..processes.group import generate_in_processes, open_processes, run_on_main
from ..recipe.task import TASKS, Task
from .early_checks import check_evaluate
from .generate_file import report_odd
from .options.evaluate import EvaluateOptions


@dataclass(frozen=True)
class _Checked:
    """Evaluation options whose metrics see the references, as far as nobody chose others, and what to tell of that."""

    options: EvaluationOptions
    told: list[str]


def _check_metrics(examples: Sequence[Example], options: EvaluationOptions, task: Task | None) -> _Checked:
    """Replaces the metrics of a task that see nothing of the references; `task` is None where they were chosen.

    Raises:
        ScoringError: a metric cannot be computed here.
    """
    references = [example.references for example in examples]
    told = []
    if task is not None and options.metrics == task.metrics:
        replaced = find_seeing_metrics(references, options)
        if replaced is not None:
            told.append(format_replaced(replaced, options.metrics))
            options = options.model_copy(update={"metrics": replaced})
    blind = find_blind_metrics([example.source for example in examples], references, options)
    return _Checked(options, told + list(map(str, blind)))


@takes_options(EvaluateOptions)
def evaluate(checkpoint: str | Path, data: Sequence[str], **given: Any) -> dict:
    """Generates for data files, scores the outputs beside the baselines, writes predictions.jsonl and scores.json.

    On several processes, started by torchrun or accelerate launch, each calls this and generates its share.

    Returns:
        What scores.json holds: values and intervals by row and metric, and the signatures of the metrics.

    Raises:
        CheckpointError, GenerationError: as `load_generator`.
        DataError: a file is missing or broken, an option is wrong, or the output is a run or cannot be written.
        ScoringError: an evaluation option is wrong, or a metric compares with sources that are no texts or cannot be
            computed here.
        TrainingError: as `train`, where several processes were asked for and fewer are there.
    """
    options = build_options(EvaluateOptions, given | {"data": data})
    check_evaluate(checkpoint, options)
    with open_processes() as processes:
        loaded = load_model(checkpoint)
        chosen = build_options(EvaluationOptions, loaded.description.evaluation | options.scoring)
        layout = read_layout(loaded, **options.layout)
        source = build_source(loaded, layout)
        if not source.is_text:
            refuse_source_metrics(chosen.metrics)
        left_out = LeftOut()
        examples = load_examples(options.data, layout, source, left_out)
        # Before an hour is spent on outputs; on all processes, for a metric may be refused.
        own_task = None if "metrics" in options.scoring else TASKS.get(loaded.description.task)
        checked = _check_metrics(show_sources(examples, source), chosen, own_task)
        chosen = checked.options
        if processes.is_main_process:
            left_out.tell()
            for told in checked.told:
                errors().print(told)
        generator = load_generator(loaded, max_source_tokens=options.max_source_tokens, **options.generation)
        # The examples were normalized as they were read, and twice may be once too often.
        generator = replace(generator, is_prepared=True)
        generated = generate_in_processes(processes, generator, [example.source for example in examples])

        def score_and_write() -> dict:
            others = find_other_references(examples, layout.columns)
            if others is not None:
                errors().print(f"data: {others}")
            shown = show_sources(examples, source)
            outputs = {loaded.description.plan: generated.texts}
            outputs |= write_baselines(shown, loaded.tokenizers, chosen, with_sources=source.is_text)
            rows = score_outputs(outputs, shown, chosen)
            scores = {
                "data": list(options.data),
                "examples": len(examples),
                "left_out": left_out.rows,
                "checkpoint": str(loaded.folder),
                "max_source_tokens": generator.max_source_tokens,
                "truncated_sources": generated.truncated,
                **summarize_scores(rows),
            }
            # Scores of another run never stand beside these predictions, however this one ends.
            (options.output / "scores.json").unlink(missing_ok=True)
            write_json_lines(options.output / "predictions.jsonl", build_prediction_rows(shown, generated))
            write_json(options.output / "scores.json", scores)
            report_odd(generated.count_odd(), generator.max_source_tokens)
            return scores

        return run_on_main(processes, score_and_write)
