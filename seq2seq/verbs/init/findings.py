"""What of a file of pairs, and of the model for it, will hurt, in plain words, each with what to do."""

from collections.abc import Iterator

from ...base.formats import format_count, format_share
from ...text.round_trip import measure_round_trip
from ..inspect.figures import Finding
from ..inspect.warnings import MANY_UNKNOWN, MUCH_REPEATED, MUCH_TRUNCATED
from .settings import ROUND_TRIPS, Facts
from .task import has_labels

FEW_PAIRS = 500  # fewer have not been seen to teach a cross-attention anything: the smallest set of recipes/ has 1,095
SOME_CAPITALS = 0.05  # of the targets


def list_findings(facts: Facts) -> list[Finding]:
    """Everything that will hurt, the data first."""
    return [
        *_warn_of_rows(facts),
        *_warn_of_labels(facts),
        *_warn_of_cuts(facts),
        *_warn_of_case(facts),
        *_warn_of_script(facts),
        *_warn_of_absence(facts),
    ]


def _warn_of_rows(facts: Facts) -> Iterator[Finding]:
    file = facts.file
    if facts.rows < FEW_PAIRS:
        yield Finding(
            "few pairs",
            f"{format_count(facts.rows, 'pair')} to train on are few: the model learns to look at its source from some "
            "hundreds on. Collect more, or start from a model that can do the task (--checkpoint).",
        )
    if file.left_out.rows:
        (told,) = file.left_out.list_lines()
        yield Finding("rows without text", told)
    if file.repeated.rows > MUCH_REPEATED * file.rows:
        share = format_share(file.repeated.rows, file.rows)
        yield Finding(
            "duplicates",
            f"{format_count(file.repeated.rows, 'pair')} ({share}) repeat an earlier one. They weigh more than others; "
            "remove them unless that is meant.",
        )


def _warn_of_labels(facts: Facts) -> Iterator[Finding]:
    if has_labels(facts.file):
        different = len(set(facts.file.target.sample))
        yield Finding(
            "labels",
            f"The targets are {format_count(different, 'text')} that come again and again, as labels do. A classifier "
            "is smaller and faster for that than a model that writes.",
        )


def _warn_of_cuts(facts: Facts) -> Iterator[Finding]:
    for name, side in (("source", facts.source_tokens), ("target", facts.target_tokens)):
        lengths = side.lengths
        if lengths.share_truncated > MUCH_TRUNCATED:
            yield Finding(
                "truncation",
                f"{format_share(lengths.share_truncated)} of the {name}s are longer than the {lengths.limit} tokens "
                "that the model takes, and are cut. Choose a model that takes more, set model.max_positions, or leave "
                "long rows out.",
            )


def _warn_of_case(facts: Facts) -> Iterator[Finding]:
    if "lowercase" in facts.normalization and facts.file.target.capitals > SOME_CAPITALS:
        name = facts.origin.decoder or facts.origin.name
        yield Finding(
            "case",
            f"{name} has no capitals, and {format_share(facts.file.target.capitals)} of the targets have some: every "
            "output will be in small letters, and scores are computed without case. Choose a cased model (--encoder) "
            "if capitals matter.",
        )


def _warn_of_script(facts: Facts) -> Iterator[Finding]:
    tokenizers = facts.origin.tokenizers
    if tokenizers is None:
        return
    sides = (("source", tokenizers.source, facts.file.source), ("target", tokenizers.target, facts.file.target))
    for name, tokenizer, side in sides:
        texts = side.sample[:: max(1, len(side.sample) // ROUND_TRIPS)]
        trip = measure_round_trip(tokenizer, texts, ())
        if trip.with_unknown > MANY_UNKNOWN * trip.texts:
            share = format_share(trip.with_unknown, trip.texts)
            scripts = " and ".join(list(side.scripts)[:2]) or "no script"
            yield Finding(
                "script",
                f"{share} of the {name}s, in {scripts}, hold characters that the vocabulary of {facts.origin.name} "
                "does not have; the model cannot read or write them. Choose a model of that language or a multilingual "
                "one (--encoder), or make a vocabulary (seq2seq tokenizer train).",
            )


def _warn_of_absence(facts: Facts) -> Iterator[Finding]:
    if facts.origin.tokenizers is None:
        yield Finding(
            "checkpoint",
            f"{facts.origin.name} is not on this machine: inspect and train fetch it from the hub. Until then lengths "
            "in tokens are estimates. A folder may be named instead (--encoder FOLDER).",
        )
