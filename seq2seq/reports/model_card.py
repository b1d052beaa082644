"""The model card of a run: README.md of its folder, in Markdown, from what its other files hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..run_folder.record import RunRecord
from .front_matter import build_front_matter
from .markdown import build_code_span, build_markdown_table, escape_markdown
from .origin import list_files, summarize_origin
from .samples import Sample, format_sample
from .settings import list_setting_lines
from .source_gain import format_source_gain
from .tables import score_rows
from .usage import format_commands, list_plain_use_lines

SIDES = ("encoder", "decoder", "checkpoint")
DATA_HEADER = ("split", "pairs", "source tokens", "cut", "longest", "target tokens", "cut", "longest")
NOT_RECORDED = "The run was begun before its folder had inputs.json, so sizes and lengths of its data are not known."


@dataclass(frozen=True)
class CardParts:
    """What a card shows besides the run's files.

    checkpoint: where the checkpoint stands that the run is used by, None where there is none.
    settings, defaults: options by dotted key.
    pictures: their paths from the run folder, by name: curves, lengths, output_lengths.
    """

    checkpoint: str | None
    settings: Mapping[str, Any]
    defaults: Mapping[str, Any]
    samples: Sequence[Sample] = ()
    pictures: Mapping[str, str] | None = None


def build_model_card(record: RunRecord, parts: CardParts) -> str:
    """The card's text."""
    pictures = parts.pictures or {}
    sections = {
        "": _list_run_lines(record),
        "Use": _list_use_lines(record, parts.checkpoint),
        "Scores": _list_score_lines(record),
        "Learning curves": _show_picture(pictures, "curves", "Loss, learning rate and gradient norm over the steps"),
        "Data": [
            *_list_data_lines(record),
            *_show_picture(pictures, "lengths", "Lengths of the training texts in tokens"),
        ],
        "Samples": _list_sample_lines(record, parts.samples, pictures),
        "Where the parameters came from": _list_origin_lines(record),
        "Settings": list_setting_lines(parts.settings, parts.defaults),
        "Environment": _list_environment_lines(record),
    }
    text = [build_front_matter(record), f"# {escape_markdown(record.name)}"]
    for heading, paragraphs in sections.items():
        paragraphs = [paragraph for paragraph in paragraphs if paragraph]
        if paragraphs:
            text += [f"## {heading}"] * bool(heading) + paragraphs
    return "\n\n".join(text) + "\n"


def _list_run_lines(record: RunRecord) -> Iterator[str]:
    """Task, plan, data, parameters and training, a line each."""
    model, totals, counters = record.recipe["model"], record.origin["totals"], record.counters
    sides = [f"{side} {build_code_span(model[side])}" for side in SIDES if model.get(side)]
    share = 100 * totals["initialised"] / totals["total"] if totals["total"] else 0
    end = f"ended by {record.end}" if record.end else "not at its end yet"
    trained = ", ".join(build_code_span(name) for name in record.recipe["data"]["train"])
    lines = [
        f"- task: {escape_markdown(record.recipe['task'])}",
        f"- plan: {escape_markdown(record.plan)}; {', '.join(sides)}",
        f"- trained on: {trained}",
        f"- parameters: {totals['total']:,}, of which {totals['initialised']:,} ({share:.0f}%) start from a checkpoint "
        f"and {totals['random']:,} at random",
        f"- training: {counters['step']:,} steps, {counters['examples']:,} pairs, {format_training_time(counters)}; "
        f"{end}",
    ]
    gains = [event for event in record.list_events("validation") if "source_gain" in event]
    if gains:
        lines.append(f"- sources: {format_source_gain(gains[-1]['source_gain'], gains[-1]['step'])}")
    yield "\n".join(lines)


def format_training_time(counters: Mapping[str, int | float]) -> str:
    """Minutes and tokens a second of the training steps; validations and checkpoints are not counted."""
    tokens, seconds = counters["source_tokens"] + counters["target_tokens"], counters["seconds"]
    rate = f" at {tokens / seconds:,.0f} source and target tokens a second" if seconds else ""
    return f"{seconds / 60:,.1f} minutes{rate}"


def _list_use_lines(record: RunRecord, checkpoint: str | None) -> Iterator[str]:
    if checkpoint is None:
        yield "The run has no checkpoint yet."
        return
    data = record.recipe["data"]
    yield format_commands(str(record.folder.path), (data["test"] or data["validation"] or data["train"])[0])
    if record.inputs is not None:
        yield from list_plain_use_lines(
            record.inputs["model"],
            str(record.folder.path),
            checkpoint,
            data.get("normalization", ()),
            record.recipe["generation"],
        )


def _list_score_lines(record: RunRecord) -> Iterator[str]:
    scores = record.scores
    if scores is None:
        return
    intervals = scores.get("intervals", {})
    yield f"{scores['examples']:,} {scores['split']} pairs, by {build_code_span(scores['checkpoint'])}."
    header, rows = score_rows(scores["rows"], intervals)
    yield build_markdown_table(header, [[escape_markdown(name), *map(escape_markdown, cells)] for name, *cells in rows])
    if intervals and "bootstrap" in scores:
        bootstrap = scores["bootstrap"]
        yield (
            f"In brackets {100 * bootstrap['level']:.0f}% confidence intervals of {bootstrap['resamples']:,} bootstrap "
            f"resamples of the pairs (seed {bootstrap['seed']})."
        )
    yield "\n".join(f"- {metric}: {escape_markdown(text)}" for metric, text in scores["signatures"].items())


def _list_data_lines(record: RunRecord) -> Iterator[str]:
    splits = {name: names for name, names in record.recipe["data"].items() if name in ("train", "validation", "test")}
    yield "\n".join(f"- {split}: {', '.join(map(build_code_span, names))}" for split, names in splits.items() if names)
    if record.inputs is None:
        yield NOT_RECORDED
        return
    rows = [
        [split, f"{described['pairs']:,}", *_to_side_cells(described["source"]), *_to_side_cells(described["target"])]
        for split, described in record.inputs["splits"].items()
    ]
    yield build_markdown_table(DATA_HEADER, rows)
    yield "Tokens with their marks, after the cut; the longest before it."


def _to_side_cells(side: Mapping[str, Any]) -> list[str]:
    cut = f"{side['cut']:,} ({100 * side['cut'] / side['texts']:.1f}%)"
    return [f"{side['tokens']:,}", cut, f"{side['longest']:,} of {side['limit']:,}"]


def _list_sample_lines(record: RunRecord, samples: Sequence[Sample], pictures: Mapping[str, str]) -> Iterator[str]:
    yield from _show_picture(pictures, "output_lengths", "Lengths of the outputs and of the references in words")
    if samples:
        metrics = ", then ".join(samples[0].scores)
        yield f"Of {len(record.predictions):,} test outputs the best, the median and the worst by {metrics}."
    yield from map(format_sample, samples)


def _list_origin_lines(record: RunRecord) -> Iterator[str]:
    origin = record.origin
    yield build_markdown_table(*summarize_origin(origin))
    files = list_files(origin)
    listed = f"Read from {', '.join(map(build_code_span, files))}." if files else "Nothing was read from a checkpoint."
    unused = len(origin["unused_tensors"])
    left = f" {unused} tensors of these files found no use." if unused else ""
    yield f"{listed}{left} Every parameter with its file and tensor: `origin.json`."
    yield from map(escape_markdown, origin["notes"])


def _list_environment_lines(record: RunRecord) -> Iterator[str]:
    values = {name: value for name, value in record.environment.items() if name != "packages"}
    lines = [f"- {name}: {build_code_span(str(value))}" for name, value in values.items()]
    packages = ", ".join(f"{name} {version}" for name, version in record.environment["packages"].items())
    yield "\n".join([*lines, f"- packages: {escape_markdown(packages)}"])


def _show_picture(pictures: Mapping[str, str], name: str, caption: str) -> list[str]:
    return [f"![{caption}]({pictures[name]})"] if name in pictures else []
