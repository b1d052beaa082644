"""What a command ends with: which runs its figures are of, what each figure is, and what to type next. No torch."""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unicodedata import category

from rich.cells import cell_len

from ...base.console import NARROW_WIDTH
from ...metrics.table import find_metric
from ...run_folder.folder import RunFolder
from ...run_folder.record import RunRecord, load_run_record

WORDS_KIND = "_words"  # the end of a metric's name that has its words as Unicode does
# What a metric is, for one who has never met it; a name that is not here is told by its direction alone.
MEANINGS = {
    "rouge1": "words shared with the reference (F1)",
    "rouge2": "pairs of words shared with the reference (F1)",
    "rougeL": "words shared with the reference in order (F1)",
    "rougeLsum": "the same, sentence by sentence",
    "bleu": "runs of one to four words shared with the reference",
    "chrf": "runs of one to six characters shared with the reference",
    "sari": "words rightly kept, added and deleted",
    "sari_xu": "SARI as its first authors computed it",
    "exact_match": "percent of the outputs that equal the reference",
    "repetition": "percent of outputs that say a content word twice",
    "length_ratio": "words of the outputs for each word of the references",
    "copied_words": "percent of the words that stand in the source",
}
DIRECTIONS = {
    "higher": "higher is better",
    "lower": "lower is better",
    "near_one": "best is 1",
    None: "describes only",
}


def list_closing_lines(records: Mapping[str, RunRecord]) -> Iterator[str]:
    """The last lines of a command that showed the scores of some runs, each of 80 characters at most but for names."""
    first = next(iter(records.values()))
    if first.scores is not None:
        yield from _explain_scores(records, first.scores)
    yield ""
    yield "Next, let it write a text of your own:"
    yield from format_next_command(first)


def list_run_closing(folder: Path) -> list[str]:
    """The last lines of the command that trained a run.

    Raises:
        CheckpointError, DataError: as `load_run_record`.
    """
    record = load_run_record(RunFolder(folder))
    return list(list_closing_lines({record.plan: record}))


def _explain_scores(records: Mapping[str, RunRecord], scores: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    for name, record in records.items():
        yield f"{name}: the model in {record.folder.path}."
    yield "Other rows: what it has to beat, and what its tokenizer allows at most."
    for metric in scores["signatures"]:
        yield f"{metric}: {explain_metric(metric)}."
    if scores.get("intervals"):
        yield "[low, high]: the 95% interval, from drawing the test texts anew 1,000 times."
    if len(records) > 1:
        yield f"+ or -: the difference from {next(iter(records))}; p: how probable one as large is by chance."


def explain_metric(name: str) -> str:
    """What a metric is, and which of two values is better. 'percent of ... the reference; higher is better'"""
    direction = DIRECTIONS[find_metric(name).better]
    meaning = MEANINGS.get(name) or MEANINGS.get(name.removesuffix(WORDS_KIND))
    return direction if meaning is None else f"{meaning}; {direction}"


def format_next_command(record: RunRecord) -> list[str]:
    """The lines of a command that lets a run write for a text of its own kind."""
    begin = ["seq2seq", "generate", str(record.folder.path)]
    source = record.recipe.get("source", {"kind": "text"})
    if source.get("kind", "text") != "text":
        return [f"  {shlex.join([*begin, '--input'])} FILE"]
    text = choose_text(_list_sources(record))
    if text is None:
        return [f'  {shlex.join(begin)} --text "..."']
    line = shlex.join([*begin, "--text", text])
    if cell_len(line) + 2 <= NARROW_WIDTH:
        return [f"  {line}"]
    return [f"  {shlex.join(begin)} \\", f"    --text {shlex.quote(text)}"]


def _list_sources(record: RunRecord) -> list[str]:
    """Texts of the run's own language: test sources, else those of the last validation's samples."""
    rows: Sequence[Mapping[str, Any]] = record.predictions or ()
    validations = record.list_events("validation")
    if not rows and validations:
        rows = validations[-1].get("samples", ())
    return [row["source"] for row in rows if isinstance(row["source"], str)]


def choose_text(sources: Sequence[str]) -> str | None:
    """The first source that is short enough for a line, else the beginning of the first; None where there is none.

    On one line, and without characters that steer a terminal.
    """
    room = NARROW_WIDTH - len("    --text ")
    lines = [_clean(source) for source in sources]
    lines = [line for line in lines if line]
    for line in lines:
        if cell_len(shlex.quote(line)) <= room:
            return line
    if not lines:
        return None
    beginning = lines[0][:room]
    while cell_len(shlex.quote(beginning)) > room:
        beginning = beginning[:-1]
    # At a border of words, where the language has any.
    return beginning.rpartition(" ")[0] or beginning


def _clean(text: str) -> str:
    line = " ".join(text.split())
    return "".join(character for character in line if not category(character).startswith("C"))
