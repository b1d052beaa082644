"""What of the figures about a recipe will hurt, in plain words, each with what to do."""

from collections.abc import Iterator, Mapping, Sequence

from ...base.formats import format_share
from ...data.lengths import LengthSummary
from ...recipe.recipe import Recipe
from .figures import Duplicates, Finding, Schedule, SplitFigures

# Beyond these shares a figure is worth a warning.
MUCH_TRUNCATED = 0.05
MUCH_REPEATED = 0.05
LOW_CEILING = 0.90
MANY_UNKNOWN = 0.01
LOW_EFFICIENCY = 0.70
# Passes over the data. The recipes that ship make 0.3 to 3 from a warm start, and 30 at most, from a random one with
# dropout (translation/multi30k_en-de/tiny.yaml): with twice that, pairs are learned by heart.
MANY_EPOCHS = 60
NAMED_MARKS = 3  # of those that stand in texts


def list_warnings(
    recipe: Recipe,
    splits: Mapping[str, SplitFigures],
    duplicates: Sequence[Duplicates],
    schedule: Schedule,
    positions: Mapping[str, int | None],
) -> list[Finding]:
    """Everything that will hurt, the data first; `positions` are those of the model, for source and target."""
    return [
        *_warn_of_missing(splits),
        *_warn_of_truncation(splits, positions),
        *_warn_of_duplicates(duplicates),
        *_warn_of_tokenizer(splits),
        *_warn_of_marks(splits),
        *_warn_of_output_limit(recipe, splits),
        *_warn_of_schedule(recipe, schedule),
    ]


def format_fitting_limits(summary: LengthSummary) -> str:
    """What limits would do. '95% fit in 210 tokens, 99% in 333, all in 512'"""
    held = summary.percentiles
    return f"95% fit in {held['95']} tokens, 99% in {held['99']}, all in {summary.longest}"


def _warn_of_missing(splits: Mapping[str, SplitFigures]) -> Iterator[Finding]:
    if "validation" not in splits:
        yield Finding(
            "validation",
            "data.validation names no file: no checkpoint is called the best, and nobody sees the model overfit. Set "
            "some hundred pairs of the training data aside for it.",
        )
    if "test" not in splits:
        yield Finding(
            "test", "data.test names no file: the run ends without scores. Name one, or use seq2seq evaluate later."
        )


def _warn_of_truncation(splits: Mapping[str, SplitFigures], positions: Mapping[str, int | None]) -> Iterator[Finding]:
    for name, split in splits.items():
        for side, summary in (("source", split.source), ("target", split.target)):
            if summary.share_truncated > MUCH_TRUNCATED:
                limit = f"data.max_{side}_tokens={summary.limit}"
                reach = f" (the model has {positions[side]} positions)" if positions[side] is not None else ""
                yield Finding(
                    "truncation",
                    f"data.{name}: {format_share(summary.truncated, summary.texts)} of the {side}s are longer than "
                    f"{limit} and are cut; {format_fitting_limits(summary)}. Raise it{reach}, or leave long rows "
                    "out.",
                )


def _warn_of_duplicates(duplicates: Sequence[Duplicates]) -> Iterator[Finding]:
    for duplicate in duplicates:
        rows = f"{duplicate.rows:,} of {duplicate.of:,} rows ({format_share(duplicate.rows, duplicate.of)})"
        seen = f"for instance {duplicate.place} is like {duplicate.like}"
        if duplicate.kind == "repeated" and duplicate.share > MUCH_REPEATED:
            yield Finding(
                "duplicates",
                f"data.train: {rows} repeat an earlier pair, {seen}. They weigh more than others; remove them unless "
                "that is meant.",
            )
        elif duplicate.kind == "same source" and duplicate.rows:
            harm = "scores" if duplicate.split == "test" else "the choice of the best checkpoint"
            yield Finding(
                "overlap",
                f"data.{duplicate.split}: the sources of {rows} stand in data.{duplicate.other} too, {seen}. That "
                f"flatters {harm}; remove them from data.{duplicate.other}.",
            )


def _warn_of_tokenizer(splits: Mapping[str, SplitFigures]) -> Iterator[Finding]:
    for name, split in splits.items():
        trip = split.round_trip
        if trip.normalized < LOW_CEILING * trip.texts:
            yield Finding(
                "ceiling",
                f"data.{name}: only {format_share(trip.normalized, trip.texts)} of the targets come back from the "
                "target tokenizer, so no model can have more exact matches. If case and spacing alone are lost, add "
                "lowercase or separate_punctuation to evaluation.normalization; else choose another tokenizer or "
                "decoder.",
            )
        if trip.with_unknown > MANY_UNKNOWN * trip.texts:
            yield Finding(
                "unknown tokens",
                f"data.{name}: {format_share(trip.with_unknown, trip.texts)} of the targets hold characters that the "
                "target tokenizer does not know; the model would learn to write its mark for them. Normalize the "
                "targets, or choose a tokenizer that covers the language (seq2seq tokenizer train).",
            )


def _warn_of_marks(splits: Mapping[str, SplitFigures]) -> Iterator[Finding]:
    for name, split in splits.items():
        for side, marks in (("source", split.source_marks), ("target", split.target_marks)):
            if not marks.texts:
                continue
            most_frequent = sorted(marks.by_mark, key=lambda mark: -marks.by_mark[mark])
            named = ", ".join(map(repr, most_frequent[:NAMED_MARKS]))
            more = len(most_frequent) - NAMED_MARKS
            if more > 0:
                named += f" and {more} more"
            yield Finding(
                "marks in texts",
                f"data.{name}: {marks.texts:,} of {split.rows:,} {side}s hold {named}, which the {side} tokenizer "
                "has for marks, codes of languages or sentinels. In a text these are plain text, letter by letter. "
                "Take them out, unless that is meant; for a token of its own choose another name.",
            )


def _warn_of_output_limit(recipe: Recipe, splits: Mapping[str, SplitFigures]) -> Iterator[Finding]:
    limit = recipe.generation.max_target_tokens
    # The outputs that count are those for the test data, or what comes closest to it.
    name = next(name for name in ("test", "validation", "train") if name in splits)
    needed = splits[name].target.percentiles["99"]
    if limit < needed:
        yield Finding(
            "output limit",
            f"generation.max_target_tokens={limit} is less than 99% of the targets of data.{name} need ({needed}): "
            "outputs will break off. Raise it.",
        )


def _warn_of_schedule(recipe: Recipe, schedule: Schedule) -> Iterator[Finding]:
    options = recipe.training
    if schedule.steps < schedule.steps_per_epoch:
        seen = format_share(schedule.steps, schedule.steps_per_epoch)
        yield Finding(
            "epochs",
            f"The run ends after {schedule.steps:,} steps, {seen} of an epoch of {schedule.steps_per_epoch:,}: the "
            "other pairs are never seen. Raise training.max_steps, unless time is what limits you.",
        )
    if schedule.epochs > MANY_EPOCHS and options.early_stopping is None:
        yield Finding(
            "epochs",
            f"The run goes through the data {schedule.epochs:,.0f} times, in {schedule.steps:,} steps: a model knows "
            "its pairs by heart long before that, and gets worse on others. Lower training.max_steps or max_epochs, "
            "collect more pairs, or set training.early_stopping, which ends the run when the validation does.",
        )
    if recipe.data.validation and schedule.steps < 2 * options.validate_every_steps:
        yield Finding(
            "validation",
            f"training.validate_every_steps={options.validate_every_steps} gives a run of {schedule.steps:,} steps "
            "hardly a choice between checkpoints. Validate more often.",
        )
    if schedule.padding_efficiency < LOW_EFFICIENCY:
        yield Finding(
            "padding",
            f"{format_share(1 - schedule.padding_efficiency)} of what is computed is padding. Raise "
            "training.length_window, or lower training.micro_batch_tokens so that only pairs of like length meet.",
        )
