"""Every verb as a Python function: what `import seq2seq` offers, and what the commands call."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from .assembly.compared_files import find_references, find_sources
from .assembly.comparison import check_page, compare_runs, write_comparison
from .assembly.inspection.figures import Inspection
from .assembly.inspection.inspect import inspect_run
from .assembly.processes import build_accelerator, leave_processes, run_on_main
from .assembly.report import explain_refused, write_report
from .assembly.run import Run
from .assembly.scoring import (
    CEILING_ROW,
    describe_predictions,
    describe_scores,
    score_outputs,
    write_back,
    write_baselines,
)
from .assembly.start import check_same_recipe, resume_model, start_from_options, start_model
from .assembly.storage import hold_folder
from .checkpoints.averaging import Averaged, average_checkpoints
from .checkpoints.find import find_checkpoint, find_last
from .checkpoints.folder import Checkpoint, read_checkpoint
from .checkpoints.steps import list_steps
from .data.examples import load_examples, read_examples
from .data.options import LayoutOptions
from .data.plain_text import check_output, read_intact_texts, read_references
from .data.training_texts import Sides, read_training_texts
from .errors import (
    CheckpointError,
    DataError,
    ExportError,
    GenerationError,
    ScoringError,
    TrainingInterrupted,
    WarmStartError,
)
from .evaluation.options import EvaluationOptions
from .evaluation.scores import Comparison, Scores, compare_predictions, compute_scores
from .evaluation.significance import TRIALS, Bootstrap
from .exporting.export import Exported, export_ctranslate2, export_transformers
from .exporting.exported import ExportedModel, load_exported
from .exporting.options import Format, Quantization
from .files import write_json, write_json_lines
from .generation.choices import EngineName
from .generation.ctranslate2_engine import is_exported
from .generation.generator import Generated, Generator
from .generation.options import GenerationOptions
from .generation.transformers_engine import TransformersEngine
from .recipe import Recipe, build_options, load_recipe, merge
from .reports.console import errors, show_progress
from .reports.run_folder import RunFolder
from .text.coverage import Coverage, measure_coverage
from .text.tokenizer_training import Kind
from .text.tokenizer_training import train_tokenizer as train_tokenizer_on
from .text.tokenizers import TokenizerPair, load_tokenizers
from .training.early_stopping import describe_end
from .training.signals import find_stop_signal
from .warmstart.options import ModelOptions
from .warmstart.start import WarmStart
from .warmstart.vocabulary import Corpus

COMPARED_PAIRS = 64  # that an export is compared with its model on

__all__ = [
    "WarmStart", "average", "compare", "evaluate", "export", "generate", "inspect", "load_checkpoint", "load_generator",
    "report", "score", "train", "train_tokenizer", "warm_start",
]  # fmt: skip


def warm_start(*, seed: int = 1, corpus: Corpus | None = None, **options: Any) -> WarmStart:
    """A model started from published checkpoints, with its tokenizers and the origin of every parameter.

    Options are those under `model:` of a recipe. `seed` is that of the random parts, `corpus` what trim_vocabulary
    trims to.

    Example: warm_start(plan="bert2gpt", encoder="google-bert/bert-base-uncased", decoder="openai-community/gpt2")

    Raises:
        WarmStartError: an option is unknown or out of its range; a checkpoint is missing, cannot serve, lacks a tensor
            or does not fit the other.
        TokenizerError: a tokenizer is missing or has no begin, end or pad mark.
    """
    return start_from_options(build_options(ModelOptions, options, WarmStartError), seed=seed, corpus=corpus)


def train(recipe: Recipe | str | Path, overrides: Iterable[str] = (), *, resume: bool = False) -> Path:
    """Trains by a recipe and returns the run folder.

    Every process of a distributed launch calls this. When training ends, the outputs for data.test are written and
    scored with the best checkpoint.

    Args:
        recipe: a recipe, or the path of a recipe file, over which `overrides` such as "training.max_steps=10" go.
        resume: go on from the newest whole checkpoint of the run folder; begin where there is no run yet.

    Raises:
        RecipeError, DataError, WarmStartError, TokenizerError: before anything is trained.
        TrainingError: the run folder is taken, in use or another recipe's; the loss is not finite; the disk is full.
        TrainingInterrupted: SIGTERM or SIGUSR1 asked the run to stop; it saved a checkpoint and can go on.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    folder = RunFolder(Path(recipe.output))
    accelerator = build_accelerator(recipe)
    try:
        with hold_folder(folder, accelerator):
            message = _train_in(folder, recipe, accelerator, resume=resume)
    except TrainingInterrupted:
        leave_processes(accelerator)
        raise
    if accelerator.is_main_process:
        errors().print(message)
    leave_processes(accelerator)
    return folder.path


def _train_in(folder: RunFolder, recipe: Recipe, accelerator: Accelerator, *, resume: bool) -> str:
    """Trains in a folder that is held; returns what to tell the user."""
    resuming, begun = run_on_main(accelerator, lambda: (resume and bool(list_steps(folder.path)), folder.exists()))
    if (resume and begun) or resuming:
        check_same_recipe(folder, recipe)
    else:
        run_on_main(accelerator, folder.check_free)
    start = resume_model(folder, accelerator) if resuming else start_model(recipe)
    run = Run(recipe, start, folder, accelerator)
    trainer = run.build_trainer()
    if resuming and run.is_finished(trainer.max_steps):
        end = describe_end(trainer.state, recipe.training, trainer.max_steps)
        return f"The run in {folder.path} is finished: {end}."
    run.open_folder(resuming)
    try:
        signal = find_stop_signal(trainer.train())
        if signal is not None:
            saved = f"the run in {folder.path} has saved its step {trainer.state.step}"
            raise TrainingInterrupted(f"{signal.name} came: {saved} and goes on with --resume.", signal)
        run.write_test_results()
        run.write_report()
    except OSError:
        run.log_os_error()
        raise
    return f"Run folder: {folder.path}"


def load_checkpoint(checkpoint: str | Path) -> Checkpoint:
    """Model and tokenizers of a run folder (its best, else newest checkpoint), a checkpoint folder or a hub name.

    Raises:
        CheckpointError: there is no such checkpoint, it is broken, or an export for CTranslate2.
    """
    folder = find_checkpoint(checkpoint)
    if is_exported(folder):
        raise CheckpointError(
            f"{folder} is an export for CTranslate2, to generate with. Name the checkpoint behind it."
        )
    return _read_checkpoint(folder, checkpoint)


def _read_checkpoint(folder: Path, name: str | Path) -> Checkpoint:
    loaded = read_checkpoint(folder)
    if loaded.shared:
        errors().print(f"{name}: its file was saved with {loaded.shared} shared; they are shared here again.")
    return loaded


def average(checkpoints: Sequence[str | Path], *, output: str | Path, last: int | None = None) -> Averaged:
    """Writes the mean of several checkpoints' weights as a checkpoint of its own, without training state.

    Example: average(["runs/mine"], last=5, output="runs/mine_average")

    Args:
        checkpoints: each as `load_checkpoint` takes it; or, with `last`, one run folder.
        last: how many of that run's newest checkpoints to average.
        output: the checkpoint folder to write.

    Raises:
        CheckpointError: there are fewer than two, they differ in config, tokenizers or sharing, or `output` exists.
    """
    if last is None:
        return average_checkpoints([find_checkpoint(checkpoint) for checkpoint in checkpoints], Path(output))
    if len(checkpoints) != 1:
        raise CheckpointError(f"The last {last} checkpoints are those of one run; found {len(checkpoints)} names.")
    return average_checkpoints(find_last(Path(checkpoints[0]), last), Path(output))


def load_generator(checkpoint: str | Path | Checkpoint | ExportedModel, **options: Any) -> Generator:
    """A model that stays loaded and writes texts; options are those under `generation:` of a recipe.

    Options left out are the ones the checkpoint was trained with. A folder that `export` wrote for CTranslate2 runs
    there, every other checkpoint in transformers; on the GPU where there is one. Texts go through the checkpoint's
    `data.normalization` first.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: an option is unknown, out of its range or beyond the engine.
    """
    loaded = checkpoint if isinstance(checkpoint, Checkpoint | ExportedModel) else load_model(checkpoint)
    chosen = build_options(GenerationOptions, loaded.description.generation | options, GenerationError)
    if isinstance(loaded, ExportedModel):
        engine = loaded.engine
    else:
        engine = TransformersEngine(loaded.model.to("cuda" if torch.cuda.is_available() else "cpu"))
    limit, steps = loaded.description.max_source_tokens, read_layout(loaded).normalization
    return Generator(engine, loaded.tokenizers, loaded.framing, limit, chosen, steps)


def load_model(checkpoint: str | Path, engine: EngineName | None = None) -> Checkpoint | ExportedModel:
    """A checkpoint or an exported folder, to generate with; `engine`, where it is given, must be its engine.

    Raises:
        CheckpointError: as `load_checkpoint`.
        GenerationError: the engine is not the folder's, or is not installed.
    """
    folder = find_checkpoint(checkpoint)
    found = "ctranslate2" if is_exported(folder) else "transformers"
    if engine not in (None, found):
        advice = (
            f"Export it first: seq2seq export {checkpoint} --format ctranslate2 --output FOLDER, and name that folder."
            if engine == "ctranslate2"
            else "Name the checkpoint that it was exported from."
        )
        raise GenerationError(f"{folder} is for the engine {found}, not {engine}. {advice}")
    return load_exported(folder) if found == "ctranslate2" else _read_checkpoint(folder, checkpoint)


def export(
    checkpoint: str | Path,
    *,
    output: str | Path,
    format: Format = "ctranslate2",
    quantization: Quantization = "float32",
    data: Sequence[str] | None = None,
) -> Exported:
    """Writes a checkpoint for another library and compares it with the model before it is kept.

    Args:
        output: the folder to write; it must not exist.
        quantization: number type of the weights, for ctranslate2; all but float32 change the outputs a little.
        data: data files whose first pairs the export is compared on; left out: pairs of the embedded corpus.

    Raises:
        CheckpointError: as `load_checkpoint`.
        ExportError: the format cannot hold the model, the output exists, or a float32 export is not equal to the model.
        GenerationError: CTranslate2 is not installed.
        DataError: as `load_examples`.
    """
    loaded = load_checkpoint(checkpoint)
    layout = read_layout(loaded) if data else LayoutOptions()
    examples = islice(read_examples(data or ["embedded:quickstart:test"], layout), COMPARED_PAIRS)
    pairs = [(example.source, example.target) for example in examples]
    if format == "ctranslate2":
        return export_ctranslate2(loaded, Path(output), quantization=quantization, pairs=pairs)
    if quantization != "float32":
        raise ExportError(f"quantization is for ctranslate2; transformers has float32 (found {quantization!r}).")
    return export_transformers(loaded, Path(output), pairs=pairs)


def read_layout(checkpoint: Checkpoint | ExportedModel, **options: Any) -> LayoutOptions:
    """How a checkpoint's data is read, with options `columns`, `header`, `normalization` over its own.

    Raises:
        DataError: an option is wrong.
    """
    chosen = {name: value for name, value in options.items() if value is not None}
    return build_options(LayoutOptions, merge(checkpoint.description.layout, chosen), DataError)


def generate(checkpoint: str | Path | Checkpoint, texts: Sequence[str], **options: Any) -> list[str]:
    """Writes one output for each text, in order; an empty text gives an empty output.

    Example: generate("runs/quickstart", ["Tom sold the lamp. It was old."], num_beams=4, max_target_tokens=64)

    Raises:
        CheckpointError, GenerationError: as `load_generator`.
    """
    return load_generator(checkpoint, **options).generate(texts).texts


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

    Args:
        data: names as under `data.test` of a recipe.
        columns, header, normalization: options under `data:` of a recipe, over those of the checkpoint.
        output: the folder to write to.
        evaluation: options under `evaluation:` of a recipe, over those of the checkpoint.
        options: generation options, as `generate` takes them.

    Returns:
        What scores.json holds: values and intervals by row and metric, and the signatures of the metrics.

    Raises:
        DataError, CheckpointError, GenerationError: as the functions above.
        ScoringError: an evaluation option is wrong.
    """
    check_output(Path(output) / "predictions.jsonl")
    loaded = load_model(checkpoint)
    chosen = build_options(EvaluationOptions, loaded.description.evaluation | (evaluation or {}), ScoringError)
    layout = read_layout(loaded, columns=columns, header=header, normalization=normalization)
    examples = load_examples(data, layout)
    # The examples are normalized already.
    generator = replace(load_generator(loaded, **options), normalization=())
    generated = _generate_with_progress(generator, [example.source for example in examples])
    outputs = {loaded.description.plan: generated.texts} | write_baselines(examples, loaded.tokenizers, chosen)
    rows = score_outputs(outputs, examples, chosen)
    scores = {
        "data": list(data),
        "examples": len(examples),
        "checkpoint": str(loaded.folder),
        "truncated_sources": generated.truncated,
        **describe_scores(rows),
    }
    folder = Path(output)
    write_json_lines(folder / "predictions.jsonl", describe_predictions(examples, generated.texts))
    write_json(folder / "scores.json", scores)
    return scores


def _generate_with_progress(generator: Generator, texts: Sequence[str]) -> Generated:
    with show_progress("generating", len(texts)) as bar:
        return generator.generate(texts, bar.advance)


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
    written = read_intact_texts(str(predictions), ["prediction"])
    rows = {str(predictions): written}
    expected = read_references(str(references))
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
    written_a, written_b = (read_intact_texts(str(file), ["prediction"]) for file in files)
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


def report(*runs: str | Path, output: str | Path | None = None, samples: int = 3) -> Path:
    """Makes a run's card and pictures again, or writes a comparison of several runs; returns the page written.

    Example: report("runs/warm", "runs/cold", output="runs/compared")

    Args:
        runs: run folders; the others are tested against the first.
        output: the folder for the comparison; left out for the card of one run.
        samples: how many test rows the comparison shows.

    Raises:
        CheckpointError: a folder holds no run.
        DataError: a file of one is missing or broken, or the page cannot be written.
        ScoringError: several were not tested alike, or are to be compared without an output, or a page of another kind
            stands there.
    """
    folders = [RunFolder(Path(run)) for run in runs]
    if output is not None:
        check_page(Path(output))
        comparison = compare_runs(folders)
        with explain_refused():
            return write_comparison(comparison, Path(output), samples)
    if len(folders) != 1:
        raise ScoringError(f"Found {len(folders)} runs and no output. Give the folder for their comparison.")
    with explain_refused():
        write_report(folders[0])
    return folders[0].card


def inspect(
    recipe: Recipe | str | Path, overrides: Iterable[str] = (), *, examples: int = 2, time: bool = True
) -> Inspection:
    """What a recipe would train on and from, and what the run will take, before an hour is spent on it.

    Rows as the model sees them, lengths against the limits, duplicates and overlaps, what the target tokenizer cannot
    write, origin of the parameters, steps, memory and time, and warnings. Writes nothing but the cache.

    Args:
        examples: how many rows of each split to show.
        time: whether to run some updates and outputs, at most about half a minute, to estimate the time of the run.

    Raises:
        RecipeError, DataError, WarmStartError, TokenizerError, TrainingError: as `train` would.
    """
    if not isinstance(recipe, Recipe):
        recipe = load_recipe(recipe, overrides)
    run = Run(recipe, start_model(recipe), RunFolder(Path(recipe.output)), build_accelerator(recipe))
    inspection = inspect_run(run, examples=examples, timed=time)
    leave_processes(run.accelerator)
    return inspection


def train_tokenizer(
    data: Sequence[str],
    *,
    output: str | Path,
    kind: Kind = "unigram",
    size: int = 8000,
    lowercase: bool = False,
    character_coverage: float | None = None,
    columns: Sides = "both",
    source_column: str | Sequence[str] = "source",
    target_column: str | Sequence[str] = "target",
    header: Sequence[str] = (),
    normalization: Sequence[str] = (),
) -> dict[str, Coverage]:
    """Trains a tokenizer on the texts of data files; writes it, and coverage.json beside it, into a new folder.

    The same data and options write the same bytes.

    Args:
        data: names as under `data.train` of a recipe, or plain text files, one text a line.
        columns: which of the two sides to train on; plain text has none.
        source_column, target_column, header, normalization: as under `data` of a recipe.
        kind, size, lowercase, character_coverage: see `text.tokenizer_training.train_tokenizer`.

    Returns:
        How the tokenizer covers the texts, by column.

    Raises:
        DataError: a file is missing or broken, a column is missing, or the folder holds something already.
        TokenizerError: the texts do not give such a tokenizer.
    """
    folder = Path(output)
    check_output(folder / "coverage.json")
    if any(folder.iterdir()):
        raise DataError(f"{folder} is not empty. Choose a new folder for the tokenizer.")
    named = {"columns": {"source": source_column, "target": target_column}}
    layout = build_options(LayoutOptions, named | {"header": header, "normalization": normalization}, DataError)
    texts = read_training_texts(data, layout, sides=columns)
    everything = [text for side in texts.values() for text in side]
    tokenizer = train_tokenizer_on(
        everything, kind=kind, size=size, lowercase=lowercase, character_coverage=character_coverage
    )
    coverage = {side: measure_coverage(tokenizer, side_texts) for side, side_texts in texts.items()}
    TokenizerPair(tokenizer, tokenizer).save(folder, max_source_tokens=tokenizer.model_max_length)
    described = {"kind": kind, "size": size, "lowercase": lowercase, "data": list(data)}
    described["coverage"] = {side: asdict(row) for side, row in coverage.items()}
    write_json(folder / "coverage.json", described)
    return coverage
