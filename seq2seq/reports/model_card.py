"""The model card of a run: README.md of its folder, in Markdown, from what its other files hold."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..base.formats import format_share
from ..run_folder.record import RunRecord
from .front_matter import HubPage, build_front_matter
from .markdown import build_code_span, build_list, build_markdown_table, build_page, escape_markdown
from .run_tables import list_files, list_left_out, tabulate_data, tabulate_origin
from .samples import Sample, format_sample
from .settings import list_setting_lines
from .source_gain import format_source_gain
from .tables import format_signatures, tabulate_scores
from .usage import (
    TEXT,
    format_commands,
    format_download,
    format_download_command,
    format_row_commands,
    list_plain_use_lines,
)

MODEL_KEYS = ("encoder", "decoder", "checkpoint")  # those of a recipe's model that name what it starts from
NOT_RECORDED = "The run was begun before its folder had inputs.json, so sizes and lengths of its data are not known."


@dataclass(frozen=True)
class CardParts:
    """What a card shows besides the run's files.

    checkpoint: where the checkpoint stands that the run is used by, None where there is none.
    settings, defaults: options by dotted key.
    pictures: their paths from the run folder, by name: curves, lengths, output_lengths.
    page: that on the hub which the card is for, and step: of the checkpoint there; None where it stays with the run.
    """

    checkpoint: str | None
    settings: Mapping[str, Any]
    defaults: Mapping[str, Any]
    samples: Sequence[Sample] = ()
    pictures: Mapping[str, str] | None = None
    page: HubPage | None = None
    step: int | None = None


def build_model_card(record: RunRecord, parts: CardParts) -> str:
    """The card's text."""
    pictures = parts.pictures or {}
    curves = _show_picture(
        pictures,
        "curves",
        "Loss, learning rate and gradient norm over the steps",
    )
    lengths = _show_picture(
        pictures,
        "lengths",
        "Lengths of the training texts in tokens",
    )
    sections = {
        "": _list_run_lines(record, parts.step),
        "Use": _list_use_lines(record, parts.checkpoint, parts.page),
        "Scores": _list_score_lines(record),
        "Learning curves": curves,
        "Data": [*_list_data_lines(record), *lengths],
        "Samples": _list_sample_lines(record, parts.samples, pictures),
        "Where the parameters came from": _list_origin_lines(record, parts.page),
        "Settings": list_setting_lines(parts.settings, parts.defaults),
        "Environment": _list_environment_lines(record),
    }
    name = record.name if parts.page is None else parts.page.title
    title = f"{build_front_matter(record, parts.page)}\n\n# {escape_markdown(name)}"
    return build_page(title, sections)


def _list_run_lines(record: RunRecord, step: int | None) -> Iterator[str]:
    """Task, plan, data, parameters and training, a line each."""
    lines = [
        f"task: {escape_markdown(record.recipe['task'])}",
        f"plan: {_format_plan(record)}",
        f"trained on: {_join_code(record.recipe['data']['train'])}",
        f"parameters: {_format_parameters(record)}",
        f"training: {_format_training(record)}",
    ]
    if step is not None:
        lines.append(f"this checkpoint: step {step:,}")
    gains = [event for event in record.list_events("validation") if "source_gain" in event]
    if gains:
        last = gains[-1]
        lines.append(f"sources: {format_source_gain(last['source_gain'], last['step'])}")
    yield build_list(lines)


def _format_plan(record: RunRecord) -> str:
    model = record.recipe["model"]
    starts = []
    for key in MODEL_KEYS:
        if model.get(key):
            starts.append(f"{key} {build_code_span(model[key])}")
    return f"{escape_markdown(record.plan)}; {', '.join(starts)}"


def _format_parameters(record: RunRecord) -> str:
    totals = record.origin["totals"]
    share = format_share(totals["initialised"], totals["total"])
    return (
        f"{totals['total']:,}, of which {totals['initialised']:,} ({share}) start from a checkpoint "
        f"and {totals['random']:,} at random"
    )


def _format_training(record: RunRecord) -> str:
    """Steps, pairs, minutes and tokens a second of the training steps; validations and checkpoints are not counted."""
    counters = record.counters
    seconds = counters["seconds"]
    done = f"{counters['step']:,} steps, {counters['examples']:,} pairs, {seconds / 60:,.1f} minutes"
    if seconds:
        tokens = counters["source_tokens"] + counters["target_tokens"]
        done += f" at {tokens / seconds:,.0f} source and target tokens a second"
    end = f"ended by {record.end}" if record.end else "not at its end yet"
    return f"{done}; {end}"


def _join_code(names: Sequence[str]) -> str:
    return ", ".join(map(build_code_span, names))


def _list_use_lines(record: RunRecord, checkpoint: str | None, page: HubPage | None) -> Iterator[str]:
    if checkpoint is None:
        yield "The run has no checkpoint yet."
        return
    run = str(record.folder.path)
    download = None
    if page is not None:
        run = page.name
        download = format_download(page.name, page.revision)
        # Our commands take the main revision of a name.
        if page.revision is not None:
            run = page.title
            yield format_download_command(page.name, page.revision, run)
    data = record.recipe["data"]
    files = data["test"] or data["validation"] or data["train"]
    kind = record.recipe.get("source", {}).get("kind", TEXT)
    if kind != TEXT:
        yield format_row_commands(run, files[0])
        yield f"The model reads {build_code_span(kind)}: rows of files, or values given in Python."
        return
    yield format_commands(run, files[0])
    if record.inputs is not None:
        yield from list_plain_use_lines(
            record.inputs["model"],
            run,
            checkpoint,
            data.get("normalization", ()),
            record.recipe["generation"],
            download,
        )


def _list_score_lines(record: RunRecord) -> Iterator[str]:
    scores = record.scores
    if scores is None:
        return
    yield f"{scores['examples']:,} {scores['split']} pairs, by {build_code_span(scores['checkpoint'])}."
    intervals = scores.get("intervals", {})
    header, rows = tabulate_scores(scores["rows"], intervals)
    escaped = [list(map(escape_markdown, cells)) for cells in rows]
    yield build_markdown_table(header, escaped)
    if intervals and "bootstrap" in scores:
        bootstrap = scores["bootstrap"]
        yield (
            f"In brackets {100 * bootstrap['level']:.0f}% confidence intervals of {bootstrap['resamples']:,} bootstrap "
            f"resamples of the pairs (seed {bootstrap['seed']})."
        )
    yield format_signatures(scores["signatures"])


def _list_data_lines(record: RunRecord) -> Iterator[str]:
    data = record.recipe["data"]
    splits = []
    for split, names in data.items():
        # The section has other options beside its splits.
        if split in ("train", "validation", "test") and names:
            splits.append(f"{split}: {_join_code(names)}")
    yield build_list(splits)
    if record.inputs is None:
        yield NOT_RECORDED
        return
    header, rows = tabulate_data(record.inputs["splits"])
    yield build_markdown_table(header, rows)
    yield "Tokens with their marks, after the cut; the longest before it."
    for line in list_left_out(record.inputs["splits"]):
        yield escape_markdown(line)


def _list_sample_lines(
    record: RunRecord,
    samples: Sequence[Sample],
    pictures: Mapping[str, str],
) -> Iterator[str]:
    yield from _show_picture(
        pictures,
        "output_lengths",
        "Lengths of the outputs and of the references in words",
    )
    if samples:
        metrics = ", then ".join(samples[0].scores)
        yield f"Of {len(record.predictions):,} test outputs the best, the median and the worst by {metrics}."
    for sample in samples:
        yield format_sample(sample)


def _list_origin_lines(record: RunRecord, page: HubPage | None) -> Iterator[str]:
    origin = record.origin
    header, rows = tabulate_origin(origin)
    yield build_markdown_table(header, rows)
    files = list_files(origin)
    read = f"Read from {_join_code(files)}." if files else "Nothing was read from a checkpoint."
    unused = len(origin["unused_tensors"])
    left = f" {unused} tensors of these files found no use." if unused else ""
    # Which stays with the run.
    every = " Every parameter with its file and tensor: `origin.json`." if page is None else ""
    yield f"{read}{left}{every}"
    for note in origin["notes"]:
        yield escape_markdown(note)


def _list_environment_lines(record: RunRecord) -> Iterator[str]:
    environment = dict(record.environment)
    versions = environment.pop("packages")
    lines = []
    for name, value in environment.items():
        span = build_code_span(str(value))
        lines.append(f"{name}: {span}")
    packages = [f"{name} {version}" for name, version in versions.items()]
    listed = ", ".join(packages)
    lines.append(f"packages: {escape_markdown(listed)}")
    yield build_list(lines)


def _show_picture(pictures: Mapping[str, str], name: str, caption: str) -> list[str]:
    if name not in pictures:
        return []
    return [f"![{caption}]({pictures[name]})"]
