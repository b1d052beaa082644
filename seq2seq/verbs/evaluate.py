"""Outputs of a checkpoint for data files, measured beside the baselines."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base.console import errors
from ..base.files import write_json, write_json_lines
from ..base.options import build_options
from ..base.signatures import takes_options
from ..checkpoints.folder import Checkpoint
from ..data.empty_rows import LeftOut
from ..data.examples import Example, load_examples, show_sources
from ..data.options import LayoutOptions
from ..data.references import find_other_references
from ..engines.exported import ExportedModel
from ..generation.generator import Generated
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
from ..sources.source import Source
from .early_checks import check_evaluate
from .generate_file import report_odd
from .options.evaluate import EvaluateOptions


@dataclass(frozen=True)
class _ReadPairs:
    """The pairs of the data files, how they were read, and the rows without text that were left out."""

    examples: list[Example]
    layout: LayoutOptions
    source: Source
    left_out: LeftOut

    @cached_property
    def shown(self) -> list[Example]:
        """The pairs as people see them."""
        return show_sources(self.examples, self.source)


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
        pairs = _read_pairs(loaded, chosen, options)
        # Before an hour is spent on outputs; on all processes, for a metric may be refused.
        own_task = None if "metrics" in options.scoring else TASKS.get(loaded.description.task)
        checked = _check_metrics(pairs.shown, chosen, own_task)
        if processes.is_main_process:
            pairs.left_out.tell()
            for told in checked.told:
                errors().print(told)
        generator = load_generator(loaded, max_source_tokens=options.max_source_tokens, **options.generation)
        # The examples were normalized as they were read, and twice may be once too often.
        generator = replace(generator, is_prepared=True)
        generated = generate_in_processes(processes, generator, [example.source for example in pairs.examples])

        def score_and_write() -> dict:
            scores = {
                "data": list(options.data),
                "examples": len(pairs.examples),
                "left_out": pairs.left_out.rows,
                "checkpoint": str(loaded.folder),
                "max_source_tokens": generator.max_source_tokens,
                "truncated_sources": generated.truncated,
                **_score(loaded, pairs, generated, checked.options),
            }
            # Scores of another run never stand beside these predictions, however this one ends.
            (options.output / "scores.json").unlink(missing_ok=True)
            write_json_lines(options.output / "predictions.jsonl", build_prediction_rows(pairs.shown, generated))
            write_json(options.output / "scores.json", scores)
            report_odd(generated.count_odd(), generator.max_source_tokens)
            return scores

        return run_on_main(processes, score_and_write)


def _read_pairs(loaded: Checkpoint | ExportedModel, chosen: EvaluationOptions, options: EvaluateOptions) -> _ReadPairs:
    """The pairs of the data files, as the checkpoint and the options say.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: a metric compares with sources that are no texts.
    """
    layout = read_layout(loaded, **options.layout)
    source = build_source(loaded, layout)
    if not source.is_text:
        refuse_source_metrics(chosen.metrics)
    left_out = LeftOut()
    examples = load_examples(options.data, layout, source, left_out)
    return _ReadPairs(examples, layout, source, left_out)


def _score(
    loaded: Checkpoint | ExportedModel,
    pairs: _ReadPairs,
    generated: Generated,
    options: EvaluationOptions,
) -> dict[str, Any]:
    """The scores of the outputs and of the baselines, as scores.json holds them."""
    others = find_other_references(pairs.examples, pairs.layout.columns)
    if others is not None:
        errors().print(f"data: {others}")
    outputs = {loaded.description.plan: generated.texts}
    outputs |= write_baselines(pairs.shown, loaded.tokenizers, options, with_sources=pairs.source.is_text)
    return summarize_scores(score_outputs(outputs, pairs.shown, options))
