"""Outputs measured: those of a checkpoint, of files, and of two files against each other."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..assembly.compared_files import find_references, find_sources
from ..assembly.processes import generate_in_processes, open_processes, run_on_main
from ..assembly.scoring import (
    CEILING_ROW,
    describe_predictions,
    describe_scores,
    score_outputs,
    write_back,
    write_baselines,
)
from ..checkpoints.find import find_checkpoint
from ..data.examples import load_examples
from ..data.outputs import check_output
from ..data.plain_text import load_intact_texts, load_references
from ..errors import DataError, ScoringError
from ..evaluation.options import EvaluationOptions
from ..evaluation.scores import Comparison, Scores, compare_predictions, compute_scores
from ..evaluation.significance import TRIALS, Bootstrap
from ..files import write_json, write_json_lines
from ..options import build_options
from ..reports.console import show_progress
from ..reports.run_folder import RunFolder
from ..text.tokenizers import load_tokenizers
from .models import load_generator, load_model, read_layout


def evaluate(
    checkpoint: str | Path,
    data: Sequence[str],
    *,
    output: str | Path,
    columns: dict[str, str | list[str]] | None = None,
    header: Sequence[str] | None = None,
    normalization: Sequence[str] | None = None,
    evaluation: dict[str, Any] | None = None,
    **options: Any,
) -> dict:
    """Generates for data files, scores the outputs beside the baselines, writes predictions.jsonl and scores.json.

    On several processes, started by torchrun or accelerate launch, each calls this and generates its share.

    Args:
        data: names as under `data.test` of a recipe.
        columns, header, normalization: options under `data:` of a recipe, over those of the checkpoint.
        output: the folder to write to.
        evaluation: options under `evaluation:` of a recipe, over those of the checkpoint.
        options: generation options, as `generate` takes them.

    Returns:
        What scores.json holds: values and intervals by row and metric, and the signatures of the metrics.

    Raises:
        CheckpointError, GenerationError: as `load_generator`.
        DataError: a file is missing or broken, an option is wrong, or the output is a run or cannot be written.
        ScoringError: an evaluation option is wrong.
        TrainingError: as `train`, where several processes were asked for and fewer are there.
    """
    folder = Path(output)
    if RunFolder(folder).exists():
        raise DataError(f"{folder} is a run, whose own scores would be lost. Choose another output.")
    check_output(folder / "predictions.jsonl")
    with open_processes() as processes:
        loaded = load_model(checkpoint)
        chosen = build_options(EvaluationOptions, loaded.description.evaluation | (evaluation or {}), ScoringError)
        layout = read_layout(loaded, columns=columns, header=header, normalization=normalization)
        examples = load_examples(data, layout)
        # The examples are normalized already.
        generator = replace(load_generator(loaded, **options), normalization=())
        generated = generate_in_processes(processes, generator, [example.source for example in examples])

        def score_and_write() -> dict:
            outputs = {loaded.description.plan: generated.texts}
            rows = score_outputs(outputs | write_baselines(examples, loaded.tokenizers, chosen), examples, chosen)
            scores = {
                "data": list(data),
                "examples": len(examples),
                "checkpoint": str(loaded.folder),
                "truncated_sources": generated.truncated,
                **describe_scores(rows),
            }
            write_json_lines(folder / "predictions.jsonl", describe_predictions(examples, generated))
            write_json(folder / "scores.json", scores)
            return scores

        return run_on_main(processes, score_and_write)


def score(
    predictions: str | Path,
    references: str | Path,
    *,
    sources: str | Path | None = None,
    checkpoint: str | Path | None = None,
    options: dict[str, Any],
    intervals: bool = True,
    seed: int = 1,
) -> dict[str, Scores]:
    """Scores a file of predictions; each file is plain text, one text a line, or JSONL.

    In JSONL the columns are `prediction`, `references` (else `target`) and `source`, as in a run's predictions.

    Args:
        checkpoint: adds the row "references through the target tokenizer", of this checkpoint's tokenizer.
        sources: left out: those of a JSONL of predictions that has them.
        options: those under `evaluation:` of a recipe; the metrics must be given.
        intervals: computes bootstrap intervals too, from 1,000 resamples drawn by `seed`.

    Returns:
        Scores by row: the predictions' under the name of their file, then the ceiling where asked for.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: an option is wrong, a metric lacks sources, or the files differ in length.
    """
    chosen = build_options(EvaluationOptions, options, ScoringError)
    written = load_intact_texts(str(predictions), ["prediction"])
    rows = {str(predictions): written}
    expected = load_references(str(references))
    if checkpoint is not None:
        tokenizer = load_tokenizers(find_checkpoint(checkpoint)).target
        rows[CEILING_ROW] = write_back(tokenizer, [row[0] for row in expected])
    read = find_sources(chosen.metrics, sources, [predictions])
    with show_progress("scoring", len(rows) * len(chosen.metrics)) as bar:
        return {
            name: compute_scores(
                sources=[""] * len(texts) if read is None else read,
                predictions=texts,
                references=expected,
                options=chosen,
                bootstrap=Bootstrap(seed=seed) if intervals else None,
                advance=bar.advance,
            )
            for name, texts in rows.items()
        }


def compare(
    predictions_a: str | Path,
    predictions_b: str | Path,
    *,
    references: str | Path | None = None,
    sources: str | Path | None = None,
    options: dict[str, Any],
    trials: int = TRIALS,
    seed: int = 1,
) -> dict[str, Comparison]:
    """Tests two files of predictions for the same sources against each other, by every metric.

    Files are those that `score` takes. Where the references are left out, both files are JSONL that hold them, such as
    the predictions of two runs.

    Args:
        options: those under `evaluation:` of a recipe; the metrics must be given.
        trials: exchanges of outputs that the p-value counts; it cannot be below 1 / (trials + 1).

    Returns:
        By metric: both values, their difference with its interval, and the p-value.

    Raises:
        DataError: a file is missing or broken.
        ScoringError: an option is wrong, references or sources are missing, or the files are not of the same texts.
    """
    chosen = build_options(EvaluationOptions, options, ScoringError)
    if trials < 1:
        raise ScoringError(f"Expected at least one trial, found {trials}.")
    files = [predictions_a, predictions_b]
    written_a, written_b = (load_intact_texts(str(file), ["prediction"]) for file in files)
    expected = find_references(references, files)
    read = find_sources(chosen.metrics, sources, files)
    with show_progress("comparing", len(chosen.metrics)) as bar:
        return compare_predictions(
            sources=[""] * len(written_a) if read is None else read,
            predictions_a=written_a,
            predictions_b=written_b,
            references=expected,
            options=chosen,
            bootstrap=Bootstrap(seed=seed),
            trials=trials,
            advance=bar.advance,
        )
