"""The figures about a recipe as a person reads them: tables and sentences, the warnings last."""

from collections.abc import Iterator

from rich.table import Table

from ...base.console import build_table
from ...base.formats import format_bytes, format_part, format_seconds, format_share
from ...data.lengths import PERCENTILES
from ...reports.markdown import shorten, show_on_one_line
from ...reports.run_tables import tabulate_origin
from ...text.round_trip import Returned
from .figures import Duplicates, Inspection, ShownRow, TimeEstimate
from .warnings import format_fitting_limits

SOME_TRUNCATED = 0.02
ENOUGH_OF_A_STEP = 0.9
LONG_TEXT = 300  # characters; of longer texts that do not come back the beginning is shown
KINDS = {
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
    yield ""
    yield build_table(f"Parameters of plan {inspection.origin.plan}", *tabulate_origin(inspection.origin.to_dict()))
    yield from inspection.origin.notes
    yield from _list_lengths(inspection)
    yield from _list_duplicates(inspection)
    yield from _list_round_trips(inspection)
    yield from _list_run_lines(inspection)
    if inspection.time is not None:
        yield from _list_time_lines(inspection, inspection.time)
    yield from _list_warnings(inspection)


def _list_row_lines(split: str, row: ShownRow) -> Iterator[str]:
    def cut(tokens: int) -> str:
        return f" [cut here, {tokens:,} tokens lost]" if tokens else ""

    yield f"\ndata.{split}, {row.place}"
    yield f"  source ({_count(row.source)}): {_join(row.source)}{cut(row.cut_source_tokens)}"
    yield f"  decoder input ({_count(row.decoder_input)}): {_join(row.decoder_input)}"
    yield f"  labels ({_count(row.labels)}): {_join(row.labels)}{cut(row.cut_target_tokens)}"


def _join(tokens: tuple[str, ...]) -> str:
    return show_on_one_line(" ".join(tokens))


def _count(tokens: tuple[str, ...]) -> str:
    return f"{len(tokens)} tokens"


def _list_lengths(inspection: Inspection) -> Iterator[str | Table]:
    rows, suggestions = [], []
    for name, split in inspection.splits.items():
        for side, summary in (("source", split.source), ("target", split.target)):
            cut = format_part(summary.truncated, summary.texts)
            held = [f"{summary.percentiles[str(share)]:,}" for share in PERCENTILES]
            counts = [f"{split.rows:,}", f"{summary.tokens:,}"]
            rows.append([f"{name} {side}s", *counts, *held, f"{summary.longest:,}", f"{summary.limit:,}", cut])
            if summary.share_truncated > SOME_TRUNCATED:
                suggestions.append(f"{name} {side}s: with data.max_{side}_tokens, {format_fitting_limits(summary)}.")
    header = ["", "rows", "tokens", *(f"{share}%" for share in PERCENTILES), "longest", "limit", "cut"]
    yield build_table("Lengths in tokens, marks included, before the cut", header, rows)
    yield from suggestions


def _list_duplicates(inspection: Inspection) -> Iterator[str | Table]:
    def name(found: Duplicates) -> str:
        return KINDS[found.kind].format(split=found.split, other=found.other)

    rows = [[name(d), f"{d.rows:,}", f"{d.of:,}", format_share(d.rows, d.of)] for d in inspection.duplicates]
    yield build_table(f"Duplicates, {inspection.comparison}", ["", "rows", "of", "share"], rows)
    for found in inspection.duplicates:
        if found.rows:
            yield f"{name(found)}: for instance {found.place}, see {found.like}"


def _list_round_trips(inspection: Inspection) -> Iterator[str | Table]:
    steps = ", ".join(inspection.recipe["evaluation"]["normalization"]) or "no normalization"
    rows = []
    for name, split in inspection.splits.items():
        trip = split.round_trip
        counted = f"{trip.texts:,}" if trip.texts == split.rows else f"{trip.texts:,} of {split.rows:,}"
        shares = (format_share(count, trip.texts) for count in (trip.exact, trip.normalized, trip.with_unknown))
        rows.append([name, counted, *shares])
    header = ["", "targets", "come back exactly", f"after {steps}", "with unknown tokens"]
    yield build_table("Targets through the target tokenizer and back (evenly spaced, where not all)", header, rows)
    for title, field in (
        ("did not come back exactly", "changed"),
        (f"did not come back after {steps} either", "changed_normalized"),
        ("with unknown tokens", "unknown"),
    ):
        shown = {name: getattr(split.round_trip, field) for name, split in inspection.splits.items()}
        name = next((name for name, examples in shown.items() if examples), None)
        if name is not None:
            yield from _show_returned(f"data.{name}, {title}:", shown[name])


def _show_returned(title: str, examples: tuple[Returned, ...]) -> Iterator[str]:
    yield title
    for example in examples:
        yield f"  {_show(example.text)}\n    -> {_show(example.came_back)}"


def _show(text: str) -> str:
    return show_on_one_line(shorten(text, LONG_TEXT))


def _list_run_lines(inspection: Inspection) -> Iterator[str]:
    schedule, memory = inspection.schedule, inspection.memory
    weights, gradients, optimizer, averages = map(
        format_bytes, (memory.parameter_bytes, memory.gradient_bytes, memory.optimizer_bytes, memory.average_bytes)
    )
    held = f"weights {weights}, gradients {gradients}, optimizer {optimizer}"
    yield "\nThe run"
    yield f"  steps: {schedule.steps:,}, {schedule.epochs:.2f} epochs of {schedule.steps_per_epoch:,}"
    yield (
        f"  a step: {schedule.examples:,.0f} pairs, {schedule.source_tokens:,.0f} source and "
        f"{schedule.target_tokens:,.0f} target tokens over {schedule.processes} "
        f"process{'es' * (schedule.processes > 1)}, {schedule.micro_batches:.1f} micro-batches each (mean of "
        f"{schedule.batches_looked_at} batches)"
    )
    yield f"  padding: {format_share(1 - schedule.padding_efficiency, 1)} of the tokens that are computed"
    yield f"  parameters: {memory.parameters:,}, {memory.trained_parameters:,} of them trained"
    sharding = ", before sharding" * (inspection.recipe["training"]["sharding"] != "none")
    yield (
        f"  memory of a process{sharding}: {format_bytes(memory.total_bytes)} ({held}"
        + (f", averages {averages}" if memory.average_bytes else "")
        + "), and what the layers remember of a micro-batch"
    )


def _list_time_lines(inspection: Inspection, time: TimeEstimate) -> Iterator[str]:
    where = f"{time.device}, {time.processes} process{'es' * (time.processes > 1)}"
    yield f"\nTime, an estimate from {time.updates} updates on this machine, as busy as it is now ({where})"
    yield f"  a step: {time.seconds_per_step:.3g} s; all {inspection.schedule.steps:,}: " + format_seconds(
        time.training_seconds
    )
    yield f"  validations: {time.validations:,}, each {format_seconds(time.validation_seconds)}"
    yield f"  outputs for the test data: {format_seconds(time.test_seconds)}"
    yield f"  in all, without checkpoints and scoring: about {format_seconds(time.total_seconds)}"
    if time.peak_bytes is not None:
        yield f"  most memory that the GPU held in these updates: {format_bytes(time.peak_bytes)}"
    if time.largest_update_tokens < ENOUGH_OF_A_STEP * inspection.schedule.padded_tokens:
        yield (
            f"  rough, and rather too long: there was time for updates of {time.largest_update_tokens:,} tokens with "
            f"padding at most, a step of the run has {inspection.schedule.padded_tokens:,.0f}"
        )
    if inspection.recipe["training"]["compile"]:
        yield "  training.compile: the estimate is that of layers that are not compiled"


def _list_warnings(inspection: Inspection) -> Iterator[str]:
    count = len(inspection.warnings)
    yield f"\n{count} warning{'s' * (count != 1)}{':' * (count > 0)}"
    for number, found in enumerate(inspection.warnings, 1):
        yield f"{number}. {found.about}: {found.text}"
