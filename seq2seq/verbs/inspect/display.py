"""The figures about a recipe as a person reads them: tables and sentences, the warnings last."""

from collections.abc import Iterator

from rich.table import Table

from ...base.console import build_table
from ...base.formats import format_bytes, format_part, format_seconds, format_share
from ...data.lengths import PERCENTILES, LengthSummary
from ...reports.markdown import shorten, show_on_one_line
from ...reports.run_tables import tabulate_origin
from ...text.round_trip import Returned
from .figures import Inspection, Memory, ShownRow, SplitFigures, TimeEstimate
from .warnings import format_fitting_limits

SOME_TRUNCATED = 0.02
ENOUGH_OF_A_STEP = 0.9
LONG_TEXT = 300  # characters; of longer texts that do not come back the beginning is shown
DUPLICATE_NAMES = {
    "repeated": "data.{split}: pairs that repeat an earlier one",
    "conflicting": "data.{split}: sources with another target elsewhere",
    "same source": "data.{split}: sources that stand in data.{other}",
    "same pair": "data.{split}: pairs that stand in data.{other}",
}


def list_tables(inspection: Inspection) -> Iterator[str | Table]:
    """Everything, in the order in which it is to be printed."""
    for name, split in inspection.splits.items():
        for row in split.examples:
            yield from _list_row_lines(name, row)
    origin = inspection.origin
    yield ""
    yield build_table(f"Parameters of plan {origin.plan}", *tabulate_origin(origin.to_dict()))
    yield from origin.notes
    yield from _list_lengths(inspection)
    yield from _list_duplicates(inspection)
    yield from _list_round_trips(inspection)
    yield from _list_run_lines(inspection)
    if inspection.time is not None:
        yield from _list_time_lines(inspection, inspection.time)
    yield from _list_warnings(inspection)


def _list_row_lines(split: str, row: ShownRow) -> Iterator[str]:
    yield f"\ndata.{split}, {row.place}"
    yield _format_tokens("source", row.source, row.cut_source_tokens)
    yield _format_tokens("decoder input", row.decoder_input)
    yield _format_tokens("labels", row.labels, row.cut_target_tokens)


def _format_tokens(name: str, tokens: tuple[str, ...], lost: int = 0) -> str:
    shown = show_on_one_line(" ".join(tokens))
    if lost:
        shown += f" [cut here, {lost:,} tokens lost]"
    return f"  {name} ({len(tokens):,} tokens): {shown}"


def _list_lengths(inspection: Inspection) -> Iterator[str | Table]:
    rows = []
    suggestions = []
    for name, split in inspection.splits.items():
        for side, summary in (("source", split.source), ("target", split.target)):
            rows.append([f"{name} {side}s", f"{split.rows:,}", *_list_length_cells(summary)])
            if summary.share_truncated > SOME_TRUNCATED:
                limits = format_fitting_limits(summary)
                suggestions.append(f"{name} {side}s: with data.max_{side}_tokens, {limits}.")
    shares = [f"{share}%" for share in PERCENTILES]
    header = ["", "rows", "tokens", *shares, "longest", "limit", "cut"]
    yield build_table("Lengths in tokens, marks included, before the cut", header, rows)
    for split in inspection.splits.values():
        yield from split.left_out.list_lines()
    yield from suggestions


def _list_length_cells(summary: LengthSummary) -> list[str]:
    held = [f"{summary.percentiles[str(share)]:,}" for share in PERCENTILES]
    return [
        f"{summary.tokens:,}",
        *held,
        f"{summary.longest:,}",
        f"{summary.limit:,}",
        format_part(summary.truncated, summary.texts),
    ]


def _list_duplicates(inspection: Inspection) -> Iterator[str | Table]:
    rows = []
    examples = []
    for duplicate in inspection.duplicates:
        name = DUPLICATE_NAMES[duplicate.kind].format(split=duplicate.split, other=duplicate.other)
        rows.append(
            [
                name,
                f"{duplicate.rows:,}",
                f"{duplicate.of:,}",
                format_share(duplicate.rows, duplicate.of),
            ]
        )
        if duplicate.rows:
            examples.append(f"{name}: for instance {duplicate.place}, see {duplicate.like}")
    yield build_table(
        f"Duplicates, {inspection.comparison}",
        ["", "rows", "of", "share"],
        rows,
    )
    yield from examples


def _list_round_trips(inspection: Inspection) -> Iterator[str | Table]:
    normalizers = ", ".join(inspection.recipe["evaluation"]["normalization"]) or "no normalization"
    rows = [_to_round_trip_row(name, split) for name, split in inspection.splits.items()]
    header = ["", "targets", "come back exactly", f"after {normalizers}", "with unknown tokens"]
    yield build_table(
        "Targets through the target tokenizer and back (evenly spaced, where not all)",
        header,
        rows,
    )
    titles = {
        "changed": "did not come back exactly",
        "changed_normalized": f"did not come back after {normalizers} either",
        "unknown": "with unknown tokens",
    }
    for field, title in titles.items():
        yield from _show_first_returned(inspection, field, title)


def _to_round_trip_row(name: str, split: SplitFigures) -> list[str]:
    trip = split.round_trip
    counted = f"{trip.texts:,}"
    if trip.texts != split.rows:
        counted += f" of {split.rows:,}"
    return [
        name,
        counted,
        format_share(trip.exact, trip.texts),
        format_share(trip.normalized, trip.texts),
        format_share(trip.with_unknown, trip.texts),
    ]


def _show_first_returned(
    inspection: Inspection,
    field: str,
    title: str,
) -> Iterator[str]:
    """The examples of the first split that has any."""
    for name, split in inspection.splits.items():
        examples: tuple[Returned, ...] = getattr(split.round_trip, field)
        if examples:
            yield f"data.{name}, {title}:"
            for example in examples:
                yield f"  {_shorten(example.text)}"
                yield f"    -> {_shorten(example.came_back)}"
            return


def _shorten(text: str) -> str:
    return show_on_one_line(shorten(text, LONG_TEXT))


def _list_run_lines(inspection: Inspection) -> Iterator[str]:
    schedule = inspection.schedule
    memory = inspection.memory
    yield "\nThe run"
    yield f"  steps: {schedule.steps:,}, {schedule.epochs:.2f} epochs of {schedule.steps_per_epoch:,}"
    yield (
        f"  a step: {schedule.examples:,.0f} pairs, {schedule.source_tokens:,.0f} source and "
        f"{schedule.target_tokens:,.0f} target tokens over {_count_processes(schedule.processes)}, "
        f"{schedule.micro_batches:.1f} micro-batches each (mean of {schedule.batches_looked_at} batches)"
    )
    yield f"  padding: {format_share(1 - schedule.padding_efficiency)} of the tokens that are computed"
    yield f"  parameters: {memory.parameters:,}, {memory.trained_parameters:,} of them trained"
    sharding = ", before sharding" if inspection.recipe["training"]["sharding"] != "none" else ""
    yield (
        f"  memory of a process{sharding}: {format_bytes(memory.total_bytes)} ({_format_memory(memory)}), "
        "and what the layers remember of a micro-batch"
    )


def _count_processes(count: int) -> str:
    noun = "process" if count == 1 else "processes"
    return f"{count} {noun}"


def _format_memory(memory: Memory) -> str:
    parts = {
        "weights": memory.parameter_bytes,
        "gradients": memory.gradient_bytes,
        "optimizer": memory.optimizer_bytes,
    }
    if memory.average_bytes:
        parts["averages"] = memory.average_bytes
    return ", ".join(f"{name} {format_bytes(size)}" for name, size in parts.items())


def _list_time_lines(inspection: Inspection, time: TimeEstimate) -> Iterator[str]:
    schedule = inspection.schedule
    where = f"{time.device}, {_count_processes(time.processes)}"
    training = format_seconds(time.training_seconds)
    yield f"\nTime, an estimate from {time.updates} updates on this machine, as busy as it is now ({where})"
    yield f"  a step: {time.seconds_per_step:.3g} s; all {schedule.steps:,}: {training}"
    yield f"  validations: {time.validations:,}, each {format_seconds(time.validation_seconds)}"
    yield f"  outputs for the test data: {format_seconds(time.test_seconds)}"
    yield f"  in all, without checkpoints and scoring: about {format_seconds(time.total_seconds)}"
    if time.peak_bytes is not None:
        yield f"  most memory that the GPU held in these updates: {format_bytes(time.peak_bytes)}"
    if time.largest_update_tokens < ENOUGH_OF_A_STEP * schedule.padded_tokens:
        yield (
            f"  rough, and rather too long: there was time for updates of {time.largest_update_tokens:,} tokens with "
            f"padding at most, a step of the run has {schedule.padded_tokens:,.0f}"
        )
    if inspection.recipe["training"]["compile"]:
        yield "  training.compile: the estimate is that of layers that are not compiled"


def _list_warnings(inspection: Inspection) -> Iterator[str]:
    count = len(inspection.warnings)
    noun = "warning" if count == 1 else "warnings"
    colon = ":" if count else ""
    yield f"\n{count} {noun}{colon}"
    for number, warning in enumerate(inspection.warnings, 1):
        yield f"{number}. {warning.about}: {warning.text}"
