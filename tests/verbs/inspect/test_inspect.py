"""`inspect` on files made by hand, in which every count is known. The tiny BERT takes each word for one token, and a
source has two more, [CLS] and [SEP].
"""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy
import pytest
import torch
import yaml
from rich.table import Table

import seq2seq
from seq2seq.base.errors import TrainingError
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from seq2seq.text.round_trip import Returned
from seq2seq.verbs.inspect import estimates
from seq2seq.verbs.inspect import inspect as inspection_module
from seq2seq.verbs.inspect.display import list_tables
from tests.conftest import build_source

TRAIN = [
    ("the cat sat", "a cat"),
    ("a dog ran on the mat", "a dog ran"),  # 6 words: cut
    ("The  cat SAT", "A Cat"),  # repeats line 1
    ("the cat sat", "a dog"),  # contradicts line 1
    (
        "the bird flew and the fish swam",
        "the bird flew and the fish",
    ),  # 7 words and, with its end mark, 7 tokens: both cut
]
VALIDATION = [("a bird sat", "a bird")]
TEST = [
    ("THE CAT SAT", "a bird"),  # the source stands in train, the pair does not
    ("a dog ran on the mat", "a dog ran"),  # both do
    ("a fish swam", "The fish"),  # comes back lower-cased
    ("a bird sat", "a ☃ cat"),  # unknown to the tokenizer; the source stands in validation
]


def write_rows(path, rows) -> str:
    path.write_text("".join(json.dumps({"source": source, "target": target}) + "\n" for source, target in rows))
    return str(path)


def write_recipe(folder, bert, **training):
    values = {
        "task": "sentence_fusion",
        "output": str(folder / "run"),
        "model": {"plan": "bert2bert", "encoder": str(bert)},
        "data": {
            "train": write_rows(folder / "train.jsonl", TRAIN),
            "validation": write_rows(folder / "validation.jsonl", VALIDATION),
            "test": write_rows(folder / "test.jsonl", TEST),
            "max_source_tokens": 7,
            "max_target_tokens": 6,
        },
        "training": {"batch_examples": 2, "max_steps": 6, "validate_every_steps": 4} | training,
        "generation": {"num_beams": 1, "max_target_tokens": 6},
        "evaluation": {"metrics": ["exact_match"], "normalization": ["lowercase"]},
    }
    (folder / "recipe.yaml").write_text(yaml.safe_dump(values))
    return folder / "recipe.yaml"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("inspection")


@pytest.fixture(scope="module")
def inspection(folder, tiny_bert):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(estimates, "UPDATES_LIMIT_SECONDS", 1e6)  # a busy machine times all batches too
        return seq2seq.inspect(write_recipe(folder, tiny_bert), examples=5)


@pytest.fixture(scope="module")
def printed(inspection) -> str:
    return "\n".join(part for part in list_tables(inspection) if isinstance(part, str))


def test_lengths_are_those_before_the_cut_and_cuts_are_counted(inspection):
    source, target = inspection.splits["train"].source, inspection.splits["train"].target
    assert (source.tokens, source.longest, source.truncated) == (5 + 8 + 5 + 5 + 9, 9, 2)
    assert source.percentiles == {"50": 5, "90": 9, "95": 9, "99": 9}
    assert (target.tokens, target.longest, target.truncated) == (3 + 4 + 3 + 3 + 7, 7, 1)


def test_rows_are_shown_as_the_model_sees_them(inspection, folder):
    row = inspection.splits["train"].examples[1]
    assert row.place == f"{folder / 'train.jsonl'} line 2"
    assert row.source == ("[CLS]", "a", "dog", "ran", "on", "the", "[SEP]")
    assert row.decoder_input == ("[CLS]", "a", "dog", "ran")
    assert row.labels == ("a", "dog", "ran", "[SEP]")
    assert (row.cut_source_tokens, row.cut_target_tokens) == (1, 0)


def test_cut_target_is_shown_without_end_mark_and_as_cut(inspection, printed):
    row = inspection.splits["train"].examples[4]
    assert row.labels == ("the", "bird", "flew", "and", "the", "fish")
    assert row.decoder_input == ("[CLS]", "the", "bird", "flew", "and", "the")
    assert row.cut_target_tokens == 1  # the end mark
    assert "labels (6 tokens): the bird flew and the fish [cut here, 1 tokens lost]" in printed


def test_rows_of_every_split_are_shown(inspection):
    assert {name: len(split.examples) for name, split in inspection.splits.items()} == {
        "train": 5, "validation": 1, "test": 4,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "split", "other", "rows", "of", "place", "like"),
    [
        ("repeated", "train", "train", 1, 5, 3, 1),
        ("conflicting", "train", "train", 3, 5, 4, 1),
        ("same source", "validation", "train", 0, 1, None, None),
        ("same pair", "validation", "train", 0, 1, None, None),
        ("same source", "test", "train", 2, 4, 1, 1),
        ("same pair", "test", "train", 1, 4, 2, 2),
        ("same source", "test", "validation", 1, 4, 4, 1),
        ("same pair", "test", "validation", 0, 4, None, None),
    ],
)
def test_duplicates_are_counted_with_file_and_line(inspection, folder, kind, split, other, rows, of, place, like):
    (duplicate,) = [d for d in inspection.duplicates if (d.kind, d.split, d.other) == (kind, split, other)]
    assert (duplicate.rows, duplicate.of) == (rows, of)
    assert duplicate.place == (f"{folder / split}.jsonl line {place}" if place else None)
    assert duplicate.like == (f"{folder / other}.jsonl line {like}" if like else None)


def test_targets_that_do_not_come_back_are_counted_and_shown(inspection, printed):
    trip = inspection.splits["test"].round_trip
    assert (trip.texts, trip.exact, trip.normalized, trip.with_unknown) == (4, 2, 3, 1)
    assert "data.test, with unknown tokens:\n  a ☃ cat\n    -> a cat" in printed


def test_printed_texts_steer_no_terminal(inspection):
    trip = replace(inspection.splits["test"].round_trip, changed=(Returned("a\x1b[2J\nb", "b"),))
    splits = inspection.splits | {"train": replace(inspection.splits["train"], round_trip=trip)}
    parts = list_tables(replace(inspection, splits=splits))
    assert "  a\ufffd[2J ⏎ b\n    -> b" in "\n".join(part for part in parts if isinstance(part, str))


def test_large_splits_are_sampled_and_the_table_says_so(folder, tiny_bert, monkeypatch):
    monkeypatch.setattr(inspection_module, "SAMPLED_TARGETS", 2)
    inspection = seq2seq.inspect(write_recipe(folder, tiny_bert), time=False)
    assert inspection.splits["train"].round_trip.texts == 2
    (table,) = [t for t in list_tables(inspection) if isinstance(t, Table) and "tokenizer" in str(t.title)]
    assert [str(cell) for cell in table.columns[1].cells] == ["2 of 5", "1", "2 of 4"]


def test_schedule_counts_steps_epochs_and_tokens(inspection):
    schedule = inspection.schedule
    assert (schedule.steps, schedule.steps_per_epoch, schedule.epochs) == (6, 3, 2)
    assert schedule.examples == pytest.approx(5 / 3)
    assert schedule.source_tokens == pytest.approx((5 + 7 + 5 + 5 + 7) / 3)
    assert schedule.target_tokens == pytest.approx((3 + 4 + 3 + 3 + 6) / 3)


def test_padding_efficiency_is_that_of_the_batches(inspection):
    # Pairs of 5 + 3, 5 + 3, 5 + 3, 7 + 4 and 7 + 6 tokens by length: two of 5 + 3; one of them with 7 + 4, which makes
    # 2 x (7 + 4); and the last alone.
    assert inspection.schedule.padded_tokens == pytest.approx((16 + 22 + 13) / 3)
    assert inspection.schedule.padding_efficiency == pytest.approx(48 / 51)


def test_memory_is_four_bytes_a_number_and_two_averages_a_trained_one(inspection):
    memory = inspection.memory
    assert memory.parameters == memory.trained_parameters == inspection.origin.totals()["total"]
    assert memory.total_bytes == 4 * memory.parameters + (4 + 8) * memory.trained_parameters


def test_memory_of_a_sharded_model_is_that_before_sharding(inspection):
    def describe(sharding: str) -> str:
        recipe = inspection.recipe | {"training": inspection.recipe["training"] | {"sharding": sharding}}
        parts = list_tables(replace(inspection, recipe=recipe))
        return "\n".join(part for part in parts if isinstance(part, str))

    assert "memory of a process: " in describe("none")
    assert "memory of a process, before sharding: " in describe("fsdp")


def test_frozen_parts_and_averages_change_the_memory(folder, tiny_bert):
    path = write_recipe(folder, tiny_bert, freeze={"encoder": None}, ema_decay=0.9)
    memory = seq2seq.inspect(path, time=False).memory
    assert memory.trained_parameters < memory.parameters
    assert memory.average_bytes == 4 * memory.trained_parameters


def test_time_is_an_estimate_from_this_machine_and_says_so(inspection, printed):
    time = inspection.time
    assert time.updates == 4  # a single pair, and the three batches of an epoch
    assert time.training_seconds == pytest.approx(6 * time.seconds_per_step)
    assert time.validations == 2  # at step 4 and at the end
    assert time.validation_seconds > 0
    assert time.test_seconds > 0
    assert time.total_seconds == pytest.approx(time.training_seconds + 2 * time.validation_seconds + time.test_seconds)
    assert "Time, an estimate from 4 updates on this machine, as busy as it is now (CPU" in printed


def test_generation_is_timed_where_validation_needs_texts(folder, tiny_bert):
    inspection = seq2seq.inspect(write_recipe(folder, tiny_bert, validation_metrics=["exact_match"]))
    assert inspection.time.validation_seconds > 0


@pytest.mark.parametrize(
    ("base", "a_row", "largest"),
    [
        (0.1, 0.0001, 500),  # in batches all is quick
        (0.1, 0.1, 4),  # 4 rows take a second for both lengths: 16 might take four
    ],
)
def test_outputs_are_timed_in_batches_as_large_as_time_allows(monkeypatch, base, a_row, largest):
    timed = []

    def time_outputs(run, model, encoded, rows, tokens) -> float:
        timed.append(len(rows))
        return base + a_row * len(rows)

    monkeypatch.setattr(estimates, "_time_outputs", time_outputs)
    options = SimpleNamespace(num_beams=1, max_target_tokens=10, batch_tokens=20 * 500)
    lengths = SimpleNamespace(lengths=numpy.full(1000, 10))
    encoded = type("Encoded", (), {"sources": lengths, "labels": lengths, "__len__": lambda self: 1000})()
    data = SimpleNamespace(encoded=encoded)
    run = SimpleNamespace(recipe=SimpleNamespace(generation=options), accelerator=SimpleNamespace(num_processes=1))
    seconds = estimates._estimate_generation(run, None, data, None)
    assert max(timed) == largest
    assert seconds == pytest.approx((base + a_row * largest) * 1000 / largest)


def test_estimate_for_compiled_layers_says_that_it_is_of_others(inspection):
    recipe = inspection.recipe | {"training": inspection.recipe["training"] | {"compile": True}}
    lines = [part for part in list_tables(replace(inspection, recipe=recipe)) if isinstance(part, str)]
    assert any("layers that are not compiled" in line for line in lines)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TrainingError("memory ran out with a single pair"), "memory ran out with a single pair"),
        (MemoryError(), "Memory ran out in the validation or in the outputs that were timed."),
    ],
)
def test_lack_of_memory_is_a_warning_and_the_rest_is_found(folder, tiny_bert, monkeypatch, error, told):
    def fail(*arguments) -> None:
        raise error

    monkeypatch.setattr(inspection_module, "estimate_time", fail)
    inspection = seq2seq.inspect(write_recipe(folder, tiny_bert))
    assert inspection.time is None
    assert inspection.warnings[-1].text == told


def test_timed_outputs_have_the_tokens_asked_for_though_the_model_would_end_at_once(started, monkeypatch):
    written, write = [], TransformersEngine.write
    monkeypatch.setattr(
        TransformersEngine, "write", lambda *arguments: written.append(write(*arguments)) or written[-1]
    )
    with torch.no_grad():
        started.model.decoder.get_output_embeddings().bias[3] = 30.0
    recipe = SimpleNamespace(generation=GenerationOptions(num_beams=1))
    run = SimpleNamespace(recipe=recipe, source=build_source(started.tokenizers.source, started.framing))
    encoded = SimpleNamespace(sources=[numpy.array([2, 6, 7, 3])])
    estimates._time_outputs(run, started.model, encoded, [0], 5)
    assert [len(hypothesis.ids) for [[hypothesis]] in written] == [5]


def test_marks_that_stand_in_texts_are_told(tmp_path, tiny_bert):
    recipe = write_recipe(tmp_path, tiny_bert)
    write_rows(tmp_path / "test.jsonl", [("a [SEP] cat", "a cat"), ("a dog", "[PAD] [MASK]"), ("a bird", "[MASK]")])
    found = seq2seq.inspect(recipe, time=False)
    assert found.to_dict()["splits"]["test"]["target_marks"] == {"texts": 2, "by_mark": {"[PAD]": 1, "[MASK]": 2}}
    told = [warning.text for warning in found.warnings if warning.about == "marks in texts"]
    assert [text.split(",")[0] for text in told] == [
        "data.test: 1 of 3 sources hold '[SEP]'",
        "data.test: 2 of 3 targets hold '[MASK]'",
    ]


def test_figures_are_json(inspection):
    figures = json.loads(json.dumps(inspection.to_dict(), allow_nan=False))
    assert figures["splits"]["train"]["source"]["percentiles"]["95"] == 9
    assert figures["recipe"]["training"]["max_steps"] == 6
    assert figures["origin"]["totals"]["total"] == inspection.memory.parameters
    # Totals too, as they are printed.
    assert figures["memory"]["total_bytes"] == inspection.memory.total_bytes
    assert figures["time"]["total_seconds"] == inspection.time.total_seconds


def test_quickstart_recipe_has_no_warning(monkeypatch):
    monkeypatch.setattr(inspection_module, "SAMPLED_TARGETS", 100)  # fewer, to be quick
    inspection = seq2seq.inspect("recipes/quickstart.yaml", time=False)
    assert inspection.warnings == ()
    assert inspection.splits["train"].rows == 8000
