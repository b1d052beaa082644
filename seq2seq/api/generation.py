"""Texts written: for lists, streams and files, and for the tasks by their names."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, overload

from ..assembly.file_generation import describe_settings, report_odd, write_outputs
from ..assembly.processes import open_processes, run_on_main
from ..checkpoints.description import DESCRIPTION_FILE
from ..checkpoints.find import find_checkpoint
from ..checkpoints.folder import Checkpoint
from ..checkpoints.task_settings import apply_task_settings, find_task_settings
from ..data.outputs import STANDARD_OUTPUT, OutputFile, Progress, check_apart, check_output
from ..data.plain_text import STANDARD_INPUT, count_texts, is_row_format, name_texts, read_texts
from ..data.readers import FORMATS, find_file
from ..errors import DataError, GenerationError
from ..exporting.exported import ExportedModel
from ..generation.choices import EngineName
from ..generation.generator import WINDOW_TEXTS, Generator, check_texts
from ..tasks.task import TASKS
from .models import load_generator, load_model, read_layout

# What `generate` and the task functions take: a name, or what is loaded.
Model = str | Path | Checkpoint | ExportedModel | Generator


@overload
def generate(checkpoint: Model, texts: Sequence[str], **options: Any) -> list[str]: ...
@overload
def generate(checkpoint: Model, texts: Iterator[str], **options: Any) -> Iterator[str]: ...
def generate(checkpoint: Model, texts: Iterable[str], **options: Any) -> list[str] | Iterator[str]:
    """Writes one output for each text, in order; an empty text gives an empty output.

    A list gives a list. An iterator gives an iterator, which reads a window of 1,024 texts at a time; see
    `Generator.stream` for other windows. Texts of a list that were cut or mended are counted on standard error.

    Example: generate("runs/quickstart", ["Tom sold the lamp. It was old."], num_beams=4, max_target_tokens=64)

    Args:
        checkpoint: a run folder, a checkpoint folder or a hub name; or what `load_checkpoint` or `load_generator` gave.
        options: those under `generation:` of a recipe, over the checkpoint's own.

    Raises:
        CheckpointError, GenerationError: as `load_generator`; or an entry is no string.
    """
    generator = load_generator(checkpoint, **options)
    if isinstance(texts, Iterator):
        return generator.stream(texts)
    generated = generator.generate(texts)
    report_odd(generated.count_odd(), generator.max_source_tokens)
    return generated.texts


def summarize(checkpoint: Model, texts: Iterable[str], **options: Any) -> list[str] | Iterator[str]:
    """Writes a summary of each text; otherwise as `generate`.

    Published checkpoints that name a prompt and options for this task, such as T5's "summarize: ", get them.

    Example: summarize("facebook/bart-large-cnn", [article])

    Raises:
        CheckpointError, GenerationError: as `generate`; or the checkpoint was trained for another task.
    """
    return generate(_load_for("summarization", checkpoint), texts, **options)


def split(checkpoint: Model, sentences: Iterable[str], **options: Any) -> list[str] | Iterator[str]:
    """Writes each sentence as several simple ones, in one text; otherwise as `generate`.

    Raises:
        CheckpointError, GenerationError: as `generate`; or the checkpoint was trained for another task.
    """
    return generate(_load_for("sentence_splitting", checkpoint), sentences, **options)


def fuse(checkpoint: Model, texts: Iterable[str | Sequence[str]], **options: Any) -> list[str] | Iterator[str]:
    """Writes one sentence for each text of several, or for each list of sentences; otherwise as `generate`.

    Example: fuse("runs/quickstart", [["Tom sold the lamp.", "It was old."]])

    Raises:
        CheckpointError, GenerationError: as `generate`; or the checkpoint was trained for another task.
    """
    if isinstance(texts, str):
        raise GenerationError("Expected a list of texts, found one text. Put it into a list: [text].")
    joined = (" ".join(text) if _is_list_of_texts(text) else text for text in texts)
    model = _load_for("sentence_fusion", checkpoint)
    return generate(model, joined if isinstance(texts, Iterator) else list(joined), **options)


def _is_list_of_texts(value: Any) -> bool:
    """Whether these are sentences to be joined; what is neither that nor a text is named further on."""
    return isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value)


def translate(
    checkpoint: Model,
    texts: Iterable[str],
    *,
    source_language: str | None = None,
    target_language: str | None = None,
    **options: Any,
) -> list[str] | Iterator[str]:
    """Writes a translation of each text; otherwise as `generate`.

    Example: translate("google-t5/t5-small", ["A red lamp."], source_language="en", target_language="de")

    Args:
        source_language, target_language: of a published checkpoint for several: codes of its tokenizer such as en_XX,
            or, where it asks for prompts as T5 does, those of its prompts such as en.

    Raises:
        CheckpointError, GenerationError: as `generate`; the checkpoint was trained for another task, or has not these
            languages.
        TokenizerError: its tokenizer has not these languages.
    """
    model = _load_for("translation", checkpoint, source_language, target_language)
    return generate(model, texts, **options)


def _load_for(
    task: str, model: Model, source_language: str | None = None, target_language: str | None = None
) -> Checkpoint | ExportedModel | Generator:
    """A model for a task; a generator is taken as it is."""
    languages = {"source_language": source_language, "target_language": target_language}
    if isinstance(model, str | Path):
        folder, settings = find_checkpoint(model), None
        if not (folder / DESCRIPTION_FILE).exists():
            settings = find_task_settings(folder, task, **languages)
        loaded = load_model(model) if settings else load_model(model, **languages)
        model = apply_task_settings(loaded, settings) if settings else loaded
    elif source_language is not None or target_language is not None:
        raise GenerationError("Languages are chosen while a model is loaded. Give its name, or load it with them.")
    if not isinstance(model, Generator) and model.description.task in set(TASKS) - {task}:
        raise GenerationError(
            f"{model.folder} was trained for {model.description.task}, not {task}. Use the function of that name, or "
            "seq2seq.generate."
        )
    return model


def generate_file(
    checkpoint: str | Path | Checkpoint | ExportedModel,
    input: str | Path | Iterable[str],
    output: str | Path,
    *,
    columns: Sequence[str] | None = None,
    header: Sequence[str] | None = None,
    engine: EngineName | None = None,
    resume: bool = False,
    strict: bool = False,
    window_texts: int = WINDOW_TEXTS,
    **options: Any,
) -> Progress | None:
    """Writes outputs for the texts of a file into a file, a line each, in order, without holding all of them at once.

    Outputs appear a window at a time. On several processes, started by torchrun or accelerate launch, each calls this
    and generates its share. Texts that are cut or hold what is no text, and outputs whose line breaks became spaces,
    are counted.

    Args:
        input: a file of plain text, one text a line, or .jsonl, .csv, .tsv, .parquet, each also with .gz; "-" is
            standard input; or a list or an iterator of texts.
        output: by its name plain text or .jsonl, with `source`, `prediction` and where asked for `score` and
            `predictions`; "-" is standard output.
        columns, header: the source's columns in rows, over those of the checkpoint's `data:`.
        engine: what the checkpoint must be for.
        resume: go on with an output that was not finished, from where it was written to.
        strict: refuse texts that would be cut, or hold what is no text.
        window_texts: how many texts each process has to sort by length before they are written.

    Returns:
        How many texts were written for and the counts of what was odd, those before a resumption included; None where
        the output to be resumed is finished.

    Raises:
        CheckpointError, GenerationError: as `generate`; or `strict`, and a text does not fit.
        DataError: the input is missing or broken, or plain text though columns are named; the output cannot be written,
            is the input, is unfinished and not to be resumed, was begun with other texts, weights or options, or is
            changed by something else meanwhile.
        TrainingError: as `train`, where several processes were asked for and fewer are there.
    """
    output = Path(output)
    if output != STANDARD_OUTPUT:
        check_output(output)
    input = str(input) if isinstance(input, Path) else input
    if isinstance(input, str) and input != STANDARD_INPUT:
        check_apart(find_file(input), output)
    if (columns or header) and not (isinstance(input, str) and is_row_format(input)):
        name = "standard input" if input == STANDARD_INPUT else input if isinstance(input, str) else "the input"
        raise DataError(f"{name} is plain text: columns and a header are for rows ({FORMATS}). Leave them out.")
    if window_texts < 1:
        raise GenerationError(f"window_texts: expected at least 1, found {window_texts}.")
    with open_processes() as processes:
        loaded = load_model(checkpoint, engine) if isinstance(checkpoint, str | Path) else checkpoint
        generator = load_generator(loaded, **options)
        if output.suffix != ".jsonl" and (generator.options.num_outputs > 1 or generator.options.scores):
            raise GenerationError(f"{output}: several outputs of a text, and scores, need an output FILE.jsonl.")
        if isinstance(input, str):
            layout = read_layout(loaded, columns={"source": columns} if columns else None, header=header)
            texts = read_texts(input, layout.columns.source, layout.header)
            total = run_on_main(processes, lambda: count_texts(input))
        else:
            texts, total = name_texts(check_texts(input)), len(input) if isinstance(input, Sequence) else None
        settings = {}
        if output != STANDARD_OUTPUT:
            settings = run_on_main(processes, lambda: describe_settings(loaded.folder, generator))
        return write_outputs(
            generator,
            texts,
            OutputFile(output, settings),
            processes,
            total=total,
            resume=resume,
            strict=strict,
            window_texts=window_texts * processes.num_processes,
        )
