"""Outputs for the texts of a file: streamed by windows, shared among processes, gone on with after a kill."""

import hashlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from ..base.console import ProgressBar, errors, messages, show_progress
from ..base.errors import DataError, GenerationError
from ..base.files import compute_sha256, format_json_lines
from ..base.options import build_options
from ..base.signatures import takes_options
from ..checkpoints.folder import Checkpoint
from ..data.file_kinds import FORMATS, is_json_lines, is_row_format
from ..data.plain_text import STANDARD_INPUT, ReadText, count_texts, name_texts, read_texts
from ..engines.exported import ExportedModel
from ..generation.generator import Generated, Generator
from ..generation.loading import load_generator, load_model, read_layout
from ..generation.outputs import STANDARD_OUTPUT, OutputFile, Progress, format_lines
from ..generation.windows import break_windows, measure_value
from ..processes.group import Processes, open_processes, run_on_main, share_work
from ..sources.source import Source
from .early_checks import check_generate_file
from .options.generate_file import GenerateFileOptions

NOTE_SECONDS = 10  # at least, between two lines of progress


class _Job:
    """A file of outputs in the making. The main process alone reads windows of texts and writes their outputs.

    total: how many texts there are, where that is known.
    """

    def __init__(
        self,
        generator: Generator,
        texts: Iterator[ReadText],
        output: OutputFile,
        total: int | None,
        options: GenerateFileOptions,
        processes: Processes,
    ) -> None:
        self.generator = generator
        self.shared = share_work(generator, processes)
        self.texts = texts
        self.output = output
        self.total = total
        self.strict = options.strict
        self.processes = processes
        # Shared out, a window is as large for each process as it would be for one alone.
        window_texts = options.window_texts * processes.num_processes
        self.windows = break_windows(texts, window_texts, lambda text: measure_value(text.text))
        self.window: list[ReadText] = []
        self.digest = hashlib.sha256()
        self.progress = Progress()
        self.begun = 0  # texts that were written before
        self.done = 0  # texts that are written or being written; every process counts them
        self.started = self.noted = time.monotonic()

    def begin(self, *, resume: bool, overwrite: bool) -> bool:
        """Opens the output and passes over the texts whose outputs stand there; False where it is finished.

        Raises:
            DataError: as `OutputFile.begin`; or the texts are others than those that outputs stand for.
        """
        progress = run_on_main(self.processes, lambda: self.output.begin(resume=resume, overwrite=overwrite))
        if progress is None:
            if self.processes.is_main_process:
                messages().print(f"{self.output.path} is finished.")
            return False
        self.progress = progress
        run_on_main(self.processes, self._skip_written)
        self.begun = self.done = progress.texts
        self.started = self.noted = time.monotonic()
        return True

    def show_progress(self) -> AbstractContextManager[ProgressBar]:
        visible = self.processes.is_main_process and self.output.is_file
        return show_progress("generating", self.total, done=self.begun, visible=visible)

    def note_speed(self, bar: ProgressBar) -> None:
        now = time.monotonic()
        if now - self.noted >= NOTE_SECONDS:
            bar.note(f"{(self.done - self.begun) / (now - self.started):,.1f} texts/s")
            self.noted = now

    def _skip_written(self) -> None:
        """Passes over the texts whose outputs stand there already."""
        for index in range(self.progress.texts):
            text = next(self.texts, None)
            if text is None:
                raise DataError(f"The input has {index:,} texts, but {self.progress.texts:,} outputs are written.")
            self._note(text)
        if self.progress.texts and self.digest.hexdigest() != self.progress.digest:
            raise DataError(
                f"The first {self.progress.texts:,} texts of the input are others than those that {self.output.path} "
                f"was begun for. Put them back, or remove {self.output.beside.name} to begin again."
            )

    def _note(self, text: ReadText) -> None:
        name = self.generator.source.identify(text.text)
        # With their lengths, or the border between two texts could move unseen.
        self.digest.update(f"{len(name)} {name}".encode())

    def read(self) -> list[Any]:
        """The next window; empty behind the last."""
        self.window = next(self.windows, [])
        texts = [text.text for text in self.window]
        if self.strict:
            self._check(texts)
        return texts

    def _check(self, texts: list[Any]) -> None:
        advice = "Mend it, or leave --strict out."
        for text in self.window:
            if text.replaced:
                raise GenerationError(f"{text.where} holds what is no text (not UTF-8, or half a surrogate). {advice}")
        if (long := self.generator.find_long(texts)) is not None:
            index, tokens = long
            limit = self.generator.max_source_tokens
            raise GenerationError(
                f"{self.window[index].where} has {tokens} tokens with its marks, max_source_tokens is {limit}. {advice}"
            )

    def write(self, generated: Generated) -> None:
        """Appends the outputs of the window that was read last."""
        counts = generated.count_odd() | {"replaced": sum(text.replaced for text in self.window)}
        if is_json_lines(self.output.path):
            shown = [self.generator.source.show(text.text) for text in self.window]
            lines = format_json_lines(generated.to_rows(shown))
        else:
            lines, counts["joined"] = format_lines(generated.texts)
        for text in self.window:
            self._note(text)
        self.progress.texts += len(self.window)
        self.progress.digest = self.digest.hexdigest()
        self.progress.count(counts)
        self.output.append(lines, self.progress)

    def finish(self) -> Progress:
        """Closes the output, and says on standard error what was odd."""
        self.output.finish()
        report_odd(self.progress.counts, self.generator.max_source_tokens)
        return self.progress


def _open_job(
    checkpoint: str | Path | Checkpoint | ExportedModel,
    input: str | Iterable[Any],
    options: GenerateFileOptions,
    processes: Processes,
) -> _Job:
    loaded = load_model(checkpoint, options.engine) if isinstance(checkpoint, str | Path) else checkpoint
    generator = load_generator(loaded, max_source_tokens=options.max_source_tokens, **options.generation)
    if not is_json_lines(options.output) and (generator.options.num_outputs > 1 or generator.options.scores):
        raise GenerationError(f"{options.output}: several outputs of a text, and scores, need an output FILE.jsonl.")
    if isinstance(input, str):
        _check_input(input, generator.source)
        columns = {"source": options.columns} if options.columns else None
        layout = read_layout(
            loaded,
            columns=columns,
            header=options.header,
            delimiter=options.delimiter,
            quoting=options.quoting,
        )
        texts = read_texts(input, layout.columns.source, layout, generator.source.read)
        total = run_on_main(processes, lambda: count_texts(input))
    else:
        texts = name_texts(generator.require_values(input))
        total = len(input) if isinstance(input, Sequence) else None
    settings = {}
    if options.output != STANDARD_OUTPUT:
        settings = run_on_main(processes, lambda: _summarize_settings(loaded.folder, generator))
    return _Job(generator, texts, OutputFile(options.output, settings), total, options, processes)


def _check_input(name: str, source: Source) -> None:
    """Refuses plain text where the model reads something else.

    Raises:
        DataError: naming the input.
    """
    if not source.is_text and not is_row_format(name):
        shown = "standard input" if name == STANDARD_INPUT else name
        raise DataError(
            f"{shown} is plain text, and the model's sources are none ({type(source).__name__}). Give rows ({FORMATS})."
        )


def _summarize_settings(folder: Path, generator: Generator) -> dict[str, object]:
    """What outputs depend on besides their texts: weights by their SHA-256, marks such as languages, and options."""
    files = sorted(path for pattern in ("*.safetensors", "*.bin") for path in folder.glob(pattern))
    options = generator.options.model_dump(mode="json", exclude={"batch_tokens"})
    framing = generator.framing.to_dict()
    return {
        "weights": {path.name: compute_sha256(path) for path in files},
        "framing": {name: list(mark) if isinstance(mark, tuple) else mark for name, mark in framing.items()},
        "max_source_tokens": generator.max_source_tokens,
        "normalization": list(generator.normalization),
        **options,
    }


def report_odd(counts: Mapping[str, int], max_source_tokens: int) -> None:
    """Says on standard error what was odd, if anything."""
    meanings = {
        "empty": "sources without a token, output empty",
        "truncated": f"sources cut at {max_source_tokens} tokens (data.max_source_tokens of the model's recipe)",
        "replaced": "sources with bytes that are not UTF-8, or halves of surrogate pairs, replaced by U+FFFD",
        "joined": "outputs whose line breaks became spaces",
    }
    for name, meaning in meanings.items():
        if count := counts.get(name, 0):
            errors().print(f"{count:,} {meaning}")


@contextmanager
def _telling_how_to_go_on(job: _Job) -> Iterator[None]:
    """Says, where Ctrl-C ends the block, what is written."""
    try:
        yield
    except KeyboardInterrupt:
        if job.processes.is_main_process and job.output.is_file:
            written = f"{job.progress.texts:,} outputs are in {job.output.path}"
            errors().print(f"{written}; the same command with --resume goes on behind them.")
        raise


@takes_options(GenerateFileOptions)
def generate_file(
    checkpoint: str | Path | Checkpoint | ExportedModel,
    input: str | Path | Iterable[Any],
    output: str | Path = "-",
    **given: Any,
) -> Progress | None:
    """Writes outputs for the texts of a file into a file, a line each, in order, without holding all of them at once.

    Outputs appear a window at a time. On several processes, started by torchrun or accelerate launch, each calls this
    and generates its share. Texts that are truncated or hold what is no text, and outputs whose line breaks became
    spaces, are counted.

    Args:
        input: a file of plain text, one text a line, or .jsonl, .json, .csv, .tsv, .parquet, each also with .gz; "-" is
            standard input; or a list or an iterator of texts. Sources that are no texts come in rows or lists.

    Returns:
        How many texts were written for and the counts of what was odd, those before a resumption included; None where
        the output to be resumed is finished. JSONL has `source`, `prediction` and, where asked for, `score` and
        `predictions`.

    Raises:
        CheckpointError, GenerationError: as `generate`; or `strict`, and a text does not fit.
        DataError: the input is missing or broken, or plain text though columns are named; the output cannot be written,
            is the input, is there and neither to be resumed nor to be replaced, was begun with other texts, weights or
            options, or is changed by something else meanwhile.
        TrainingError: as `train`, where several processes were asked for and fewer are there.
    """
    options = build_options(GenerateFileOptions, given | {"output": output})
    input = str(input) if isinstance(input, Path) else input
    check_generate_file(checkpoint, input, options)
    with open_processes() as processes:
        job = _open_job(checkpoint, input, options, processes)
        if not job.begin(resume=options.resume, overwrite=options.overwrite):
            return None
        with job.show_progress() as bar, _telling_how_to_go_on(job):
            while window := run_on_main(processes, job.read):
                places = range(job.done, job.done + len(window))
                generated = job.shared.generate(window, bar.advance, places=places)
                job.done += len(window)
                run_on_main(processes, lambda: job.write(generated))  # noqa: B023 - it is called at once
                job.note_speed(bar)
        return run_on_main(processes, job.finish)
