"""What is warned of, each by figures made by hand, and what is not."""

from dataclasses import replace

import pytest

from seq2seq.data.lengths import LengthSummary
from seq2seq.recipe.recipe import build_recipe
from seq2seq.text.round_trip import RoundTrip
from seq2seq.text.written_marks import WrittenMarks
from seq2seq.verbs.inspect.figures import Duplicates, Schedule, SplitFigures
from seq2seq.verbs.inspect.warnings import list_warnings


def describe_side(**changes) -> LengthSummary:
    held = {"50": 10, "90": 20, "95": 30, "99": 40}
    usual = {"texts": 1000, "tokens": 10_000, "limit": 128, "truncated": 0, "longest": 50, "percentiles": held}
    return LengthSummary(**(usual | changes))


def describe_split(source=None, target=None, **trip) -> SplitFigures:
    written = {"texts": 1000, "exact": 1000, "normalized": 1000, "with_unknown": 0} | trip
    return SplitFigures(1000, source or describe_side(), target or describe_side(), RoundTrip(**written), ())


def find(*, splits=None, duplicates=(), schedule=None, generation=None, training=None) -> list[str]:
    values = {
        "task": "sentence_fusion",
        "output": "run",
        "model": {"plan": "bert2bert", "encoder": "some-bert"},
        "data": {"train": "train.jsonl"},
        "training": {"max_steps": 3000, "validate_every_steps": 500} | (training or {}),
        "generation": generation or {},
    }
    if splits is None or "validation" in splits:
        values["data"]["validation"] = "validation.jsonl"
    usual = {
        "steps": 3000, "steps_per_epoch": 1000, "epochs": 3.0, "examples": 8, "source_tokens": 80, "target_tokens": 80,
        "micro_batches": 1, "padded_tokens": 170, "padding_efficiency": 0.94, "processes": 1, "batches_looked_at": 200,
    } | (schedule or {})  # fmt: skip
    splits = splits or {name: describe_split() for name in ("train", "validation", "test")}
    listed = list_warnings(build_recipe(values), splits, duplicates, Schedule(**usual), {"source": 512, "target": None})
    return [f"{warning.about}: {warning.text}" for warning in listed]


def in_all(**changes) -> dict[str, SplitFigures]:
    """Three splits, the training one with changes."""
    return {"train": describe_split(**changes), "validation": describe_split(), "test": describe_split()}


def test_good_figures_bring_no_warning():
    assert find() == []


def test_missing_splits_are_named_with_what_is_lost():
    validation, test = find(splits={"train": describe_split()})
    assert validation.startswith("validation: data.validation names no file")
    assert test.startswith("test: data.test names no file")


def test_truncation_over_five_percent_says_which_limit_would_do():
    (warning,) = find(splits=in_all(source=describe_side(limit=25, truncated=51)))
    assert "data.train: 5.1% of the sources are longer than data.max_source_tokens=25 and are cut" in warning
    assert "95% fit in 30 tokens, 99% in 40, all in 50. Raise it (the model has 512 positions)" in warning


def test_truncation_of_targets_names_no_positions_where_nothing_limits_them():
    (warning,) = find(splits=in_all(target=describe_side(truncated=60)))
    assert "data.max_target_tokens=128" in warning
    assert "positions" not in warning


def test_truncation_of_five_percent_is_none_to_warn_of():
    assert find(splits=in_all(source=describe_side(truncated=50))) == []


@pytest.mark.parametrize(
    ("split", "harm"), [("test", "flatters scores"), ("validation", "flatters the choice of the best checkpoint")]
)
def test_a_single_source_in_both_splits_is_warned_of(split, harm):
    (warning,) = find(duplicates=[Duplicates("same source", split, "train", 1, 1000, "b line 7", "a line 3")])
    assert f"overlap: data.{split}: the sources of 1 of 1,000 rows (0.1%) stand in data.train too" in warning
    assert "for instance b line 7 is like a line 3" in warning
    assert harm in warning


def test_repeated_pairs_are_warned_of_from_five_percent_on():
    few, many = (Duplicates("repeated", "train", "train", rows, 1000, "line 9", "line 2") for rows in (50, 51))
    assert find(duplicates=[few]) == []
    (warning,) = find(duplicates=[many])
    assert warning.startswith(
        "duplicates: data.train: 51 of 1,000 rows (5.1%) repeat an earlier pair, for instance line 9"
    )


def test_conflicting_targets_are_no_error():
    assert find(duplicates=[Duplicates("conflicting", "train", "train", 900, 1000, "line 9", "line 2")]) == []


def test_low_ceiling_is_that_after_normalization():
    assert find(splits=in_all(exact=0, normalized=900)) == []
    (warning,) = find(splits=in_all(exact=0, normalized=899))
    assert warning.startswith("ceiling: data.train: only 89.9% of the targets come back")


def test_unknown_tokens_are_warned_of_from_one_percent_on():
    assert find(splits=in_all(with_unknown=10)) == []
    (warning,) = find(splits=in_all(with_unknown=11))
    assert warning.startswith("unknown tokens: data.train: 1.1% of the targets hold characters")


def test_output_limit_below_the_99th_percentile_of_the_test_targets():
    assert find(generation={"max_target_tokens": 40}) == []
    (warning,) = find(generation={"max_target_tokens": 39})
    assert "generation.max_target_tokens=39 is less than 99% of the targets of data.test need (40)" in warning


def test_less_than_an_epoch_says_how_much_is_seen():
    assert find(schedule={"steps": 1000, "epochs": 1}) == []
    texts = find(schedule={"steps": 3000, "epochs": 0.75, "steps_per_epoch": 4000})
    assert [text.split(":")[0] for text in texts] == ["epochs"]
    assert "The run ends after 3,000 steps, 75.0% of an epoch of 4,000" in texts[0]


def test_very_many_epochs_say_how_often_the_data_is_seen():
    assert find(schedule={"steps": 6000, "epochs": 60.0, "steps_per_epoch": 100}) == []
    (warning,) = find(schedule={"steps": 42_500, "epochs": 425.0, "steps_per_epoch": 100})
    assert warning.startswith(
        "epochs: The run goes through the data 425 times, in 42,500 steps: a model knows its pairs"
    )
    assert "training.early_stopping" in warning


def test_many_epochs_are_no_matter_where_the_run_stops_early():
    many = {"steps": 42_500, "epochs": 425.0, "steps_per_epoch": 100}
    assert find(schedule=many, training={"early_stopping": 5}) == []


def test_run_with_fewer_than_two_validations_is_warned_of():
    assert find(schedule={"steps": 1000, "steps_per_epoch": 100, "epochs": 10}) == []
    (warning,) = find(schedule={"steps": 999, "steps_per_epoch": 100, "epochs": 9.99})
    assert "training.validate_every_steps=500 gives a run of 999 steps hardly a choice between checkpoints" in warning


def test_much_padding_is_warned_of():
    (warning,) = find(schedule={"padding_efficiency": 0.65})
    assert warning.startswith("padding: 35.0% of what is computed is padding")


def test_marks_in_texts_are_counted_and_the_most_frequent_named():
    marks = WrittenMarks(texts=12, by_mark={"</s>": 1, "<pad>": 10, "<unk>": 2, "<extra_id_0>": 1, "<extra_id_1>": 1})
    splits = in_all() | {"test": replace(describe_split(), target_marks=marks)}
    (warning,) = find(splits=splits)
    named = "'<pad>', '<unk>', '</s>' and 2 more"
    assert warning.startswith(
        f"marks in texts: data.test: 12 of 1,000 targets hold {named}, which the target tokenizer"
    )
    assert "In a text these are plain text" in warning


def test_one_mark_in_a_source_is_worth_a_warning():
    splits = in_all() | {"train": replace(describe_split(), source_marks=WrittenMarks(1, {"[SEP]": 1}))}
    (warning,) = find(splits=splits)
    assert "data.train: 1 of 1,000 sources hold '[SEP]', which" in warning
