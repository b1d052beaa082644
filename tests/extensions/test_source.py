"""A source from outside goes the whole way: rows, cache, any split of the batch, resuming, outputs, scores, pruning."""

import json
import math
import shutil
from pathlib import Path

import numpy
import pytest
import torch

import seq2seq
from seq2seq.base.errors import (
    AnalysisError,
    CheckpointError,
    DataError,
    ExportError,
    GenerationError,
    RecipeError,
    ScoringError,
)
from seq2seq.recipe.recipe import load_recipe
from seq2seq.run_folder.folder import RunFolder
from seq2seq.sources.source import SourceContext
from tests.extensions.source import Series
from tests.training.runs import WORDS, hash_weights, read_events, write_recipe

SERIES = "tests.extensions.source:Series"
SOURCE = {"kind": SERIES, "width": 32, "scale": 2.0}
ALL_FIGURES = {"max_steps": 6, "validate_every_steps": 3, "checkpoint_every_steps": 2, "keep_checkpoints": 9}


class Paired(Series):
    """Two moments are one position, the mean of both: fewer positions than are stored."""

    def count_positions(self, lengths):
        return (lengths + 1) // 2

    def truncate(self, stored):
        limit = 2 * self.context.max_source_tokens
        return stored[:limit], len(stored) > limit

    def collate(self, rows):
        return super().collate([self._pair(row) for row in rows])

    def _pair(self, row):
        return numpy.array([row[start : start + 2].mean(axis=0) for start in range(0, len(row), 2)])


class Misshapen(Series):
    """Encodes other than it says."""

    def encode(self, values):
        return [rows[:, :3] for rows in super().encode(values)]


def draw_series(number: int) -> list[list[float]]:
    """Of 2 to 7 moments, each of 4 numbers."""
    return [[math.sin(number * (1 + channel) + moment) for channel in range(4)] for moment in range(2 + number % 6)]


def write_rows(path: Path, count: int, start: int = 0) -> str:
    """Series, and as targets as many words."""
    rows = []
    for number in range(start, start + count):
        series = draw_series(number)
        words = [WORDS[(number + moment) % 12] for moment in range(len(series))]
        rows.append({"signal": series, "target": " ".join(words)})
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with rows to train, validate and test on."""
    folder = tmp_path_factory.mktemp("series")
    write_rows(folder / "series_train.jsonl", 40)
    write_rows(folder / "series_validation.jsonl", 8, start=40)
    write_rows(folder / "series_test.jsonl", 6, start=50)
    return folder


@pytest.fixture(scope="module")
def write(folder, tiny_bert):
    """Writes a recipe of that name, without dropout."""

    def write(
        name: str, source: dict = SOURCE, evaluation: dict | None = None, data: dict | None = None, **training
    ) -> Path:
        files = {split: str(folder / f"series_{split}.jsonl") for split in ("train", "validation", "test")}
        options = files | {"columns": {"source": "signal"}} | (data or {})
        path = write_recipe(folder, tiny_bert, name, {"dropout": 0.0}, options, **(ALL_FIGURES | training))
        added = {"source": source, "evaluation": evaluation or {"metrics": ["exact_match"]}}
        path.write_text(path.read_text() + "".join(f"{key}: {json.dumps(value)}\n" for key, value in added.items()))
        return path

    return write


@pytest.fixture(scope="module")
def train(write):
    """Trains a recipe of that name; returns the run folder."""

    def train(name: str, source: dict = SOURCE, resume: bool = False, **training) -> Path:
        return seq2seq.train(write(name, source, **training), resume=resume)

    return train


@pytest.fixture(scope="module")
def run(train) -> Path:
    return train("run")


def list_norms(run: Path) -> list[float]:
    return [event["gradient_norm"] for event in read_events(run, "train")]


def test_run_learns_and_validates(run):
    losses = [event["loss"] for event in read_events(run, "train")]
    assert losses[-1] < losses[0]
    validations = read_events(run, "validation")
    assert [event["step"] for event in validations] == [3, 6]
    assert all(math.isfinite(event["source_gain"]) for event in validations)


def test_any_cut_of_the_batch_gives_the_same_gradient(train, run):
    for tokens in (32, 64):
        cut = train(f"cut_{tokens}", micro_batch_tokens=tokens)
        assert list_norms(cut) == pytest.approx(list_norms(run), rel=1e-4)


def test_values_are_read_from_the_cache_at_the_next_start(train, run, capsys, monkeypatch):
    def encode(self, values, encode=Series.encode):
        assert len(values) <= 3, "encoded again"  # the outputs that validations show are written from values
        return encode(self, values)

    monkeypatch.setattr(Series, "encode", encode)
    monkeypatch.setattr("seq2seq.runs.run.Run.write_test_results", lambda self: None)
    again = train("again", validation_samples=0)  # whose sources are encoded when outputs are written
    assert hash_weights(again, 6) == hash_weights(run, 6)


@pytest.mark.parametrize("change", [{"scale": 3.0}, {"kind": f"{__name__}:Paired"}])
def test_other_options_and_other_code_have_other_entries_of_the_cache(write, change):
    keys = []
    for source in (SOURCE, SOURCE | change):
        options = load_recipe(write("keys", source)).source
        keys.append(options.build(SourceContext()).to_key())
    assert keys[0] != keys[1]


def test_run_stopped_within_an_epoch_goes_on_bit_for_bit(train, run, folder):
    stopped = train("stopped")
    for step in (4, 6):
        (stopped / f"checkpoints/step_0000000{step}").rename(folder / f"lost_{step}")
    (stopped / "README.md").unlink()
    train("stopped", resume=True)
    assert hash_weights(stopped, 6) == hash_weights(run, 6)


def test_checkpoint_remembers_its_source(run):
    description = json.loads((run / "checkpoints/step_00000006/seq2seq.json").read_text())
    assert description["source"] == SOURCE
    assert RunFolder(run).read_recipe()["source"] == SOURCE


def test_checkpoint_whose_source_is_gone_says_so(run, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(run / "checkpoints/step_00000006", copy)
    (copy / "manifest.json").unlink()
    path = copy / "seq2seq.json"
    path.write_text(path.read_text().replace(SERIES, "no.such.module:SERIES"))
    with pytest.raises(CheckpointError, match=r"seq2seq\.json: .*source: module 'no\.such\.module' cannot be imported"):
        seq2seq.generate(copy, [draw_series(60)])


def test_batched_outputs_are_those_of_one_by_one(run):
    sources = [draw_series(number) for number in range(60, 66)]
    generator = seq2seq.load_generator(run, num_beams=2, min_target_tokens=4, scores=True)
    together = generator.generate(sources)
    alone = [generator.generate([source]) for source in sources]
    assert together.texts == [one.texts[0] for one in alone]
    scores = [outputs[0].score for outputs in together.outputs]
    assert scores == pytest.approx([one.outputs[0][0].score for one in alone], abs=1e-4)
    assert len(set(together.texts)) > 1


def test_iterator_and_empty_source_are_generated_for(run):
    sources = [draw_series(60), [], draw_series(61)]
    texts = seq2seq.generate(run, sources)
    assert texts[1] == ""
    assert list(seq2seq.generate(run, iter(sources))) == texts


def test_comparison_of_outputs_with_tokens_of_sources_is_refused(run):
    for option in ({"encoder_no_repeat_ngram_size": 2}, {"encoder_repetition_penalty": 1.5}):
        with pytest.raises(GenerationError, match=r"these sources are no texts\. Leave both out"):
            seq2seq.generate(run, [draw_series(60)], **option)


def test_empty_source_is_not_scored(run):
    with pytest.raises(GenerationError, match=r"Source 1 has no position\. Leave it out"):
        seq2seq.load_generator(run).score([draw_series(60), []], ["cat", "dog"])
    with pytest.raises(GenerationError, match="found 2 texts, 1 targets"):
        seq2seq.load_generator(run).score([draw_series(60), []], ["cat"])


def test_logits_are_those_of_the_embeddings_fed_to_the_model(run):
    """One source, by the model's own forward pass."""
    loaded = seq2seq.load_checkpoint(run)
    source = draw_series(60)
    inputs = torch.zeros(1, len(source), 32)
    inputs[0, :, :4] = torch.tensor(source) / 2.0
    target = "cat dog"
    ids = loaded.tokenizers.target(target)["input_ids"]
    labels = torch.tensor([[*ids, 3]])
    with torch.no_grad():
        logits = loaded.model(inputs_embeds=inputs, decoder_input_ids=torch.tensor([[2, *ids]])).logits
    expected = torch.log_softmax(logits, dim=-1).gather(2, labels[:, :, None]).sum().item()
    assert seq2seq.load_generator(run).score([source], [target])[0] == pytest.approx(expected, abs=1e-4)


def test_file_of_rows_is_generated_for(run, folder, tmp_path):
    progress = seq2seq.generate_file(run, folder / "series_test.jsonl", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    sources = [draw_series(number) for number in range(50, 56)]
    assert progress.texts == 6
    assert [row["prediction"] for row in rows] == seq2seq.generate(run, sources)
    assert rows[0]["source"].startswith("[[-0.26")


def test_list_is_generated_for(run, tmp_path):
    seq2seq.generate_file(run, [draw_series(50)], tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == seq2seq.generate(run, [draw_series(50)])[0] + "\n"


def test_plain_text_is_refused(run, tmp_path):
    (tmp_path / "in.txt").write_text("the cat\n")
    with pytest.raises(DataError, match=r"in\.txt is plain text, and the model's sources are none \(Series\)"):
        seq2seq.generate_file(run, tmp_path / "in.txt", tmp_path / "out.txt")


def test_test_data_is_scored_without_what_copies_sources(run):
    scores = json.loads((run / "scores.json").read_text())
    assert list(scores["rows"]) == ["bert2bert", "references through the target tokenizer"]
    assert (run / "predictions/test.jsonl").read_text().count("\n") == 6
    card = (run / "README.md").read_text()
    assert "seq2seq generate" in card and "series_test.jsonl --output outputs.jsonl" in card
    assert "The model reads `tests.extensions.source:Series`" in card
    assert "plain transformers" not in card


def test_evaluate_scores_it(run, folder, tmp_path):
    scores = seq2seq.evaluate(run, [str(folder / "series_test.jsonl")], output=tmp_path / "out")
    assert (scores["examples"], list(scores["rows"])) == (6, ["bert2bert", "references through the target tokenizer"])


def test_source_cut_at_the_limit_is_counted(run):
    generated = seq2seq.load_generator(run).generate([draw_series(5) * 3, draw_series(60)])
    assert generated.truncated == 1  # of 21 moments and of 2, where 16 are the limit


def test_source_is_cut_where_it_is_asked_for(run):
    shorter = seq2seq.load_generator(run, max_source_tokens=4, min_target_tokens=3)
    by_hand = seq2seq.load_generator(run, min_target_tokens=3).generate([draw_series(5)[:4]])
    generated = shorter.generate([draw_series(5)])
    assert (generated.texts, generated.truncated) == (by_hand.texts, 1)
    assert shorter.source.options == seq2seq.load_generator(run).source.options


def test_inspect_shows_what_the_model_reads(write):
    inspection = seq2seq.inspect(write("inspected"))
    row = inspection.splits["train"].examples[0]
    # Moments of sin(moment) on four channels, halved: 0, then 0.84 / 2.
    assert row.source == ("[0. 0. ... 0. 0.]", "[0.42 0.42 ... 0.   0.  ]")
    assert inspection.splits["train"].source.longest == 7
    assert inspection.time is not None


def test_heads_are_weighed_and_pruned(run, folder, tmp_path):
    data = [str(folder / "series_test.jsonl")]
    weighed = seq2seq.analyze_heads(run, data, output=tmp_path / "heads")
    assert all(math.isfinite(value) for site in weighed["sites"] for value in site["importance"])
    pruned = seq2seq.prune(run, data, output=tmp_path / "small", keep=0.5, metrics=["exact_match"])
    assert pruned["after"]["heads"] == pruned["before"]["heads"] // 2
    assert len(seq2seq.generate(tmp_path / "small", [draw_series(60)])) == 1


def test_positions_may_be_fewer_than_what_is_stored(train, write):
    source = SOURCE | {"kind": f"{__name__}:Paired"}
    halved = train("paired", source)
    whole = RunFolder(halved).inputs.read_text()
    # Of 40 series 2 to 7 moments long: 7 of 2, 7 of 3, 7 of 4, 7 of 5, 6 of 6 and 6 of 7, and halves rounded up.
    moments = [2 + number % 6 for number in range(40)]
    assert json.loads(whole)["splits"]["train"]["source"]["tokens"] == sum(-(-count // 2) for count in moments)
    cut = train("paired_cut", source, micro_batch_tokens=32)
    assert list_norms(cut) == pytest.approx(list_norms(halved), rel=1e-4)
    generator = seq2seq.load_generator(halved)
    sources = [draw_series(number) for number in range(60, 66)]
    assert generator.generate(sources).texts == [generator.generate([source]).texts[0] for source in sources]
    assert generator.generate([draw_series(5) * 5]).truncated == 1  # 35 moments are 18 positions, 16 the limit


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("a text", "holds str, expected a list of lists of numbers"),
        ([1.0, 2.0], "holds list, expected a list of lists of numbers"),
        ([[0.0] * 33], "has a moment of more than 32 numbers, the width of the encoder"),
    ],
)
def test_wrong_value_is_named(write, run, tmp_path, value, message):
    path = tmp_path / "wrong.jsonl"
    path.write_text('{"signal": [[1]], "target": "cat"}\n' + json.dumps({"signal": value, "target": "cat"}) + "\n")
    with pytest.raises(DataError, match=rf"wrong\.jsonl line 2: column 'signal' {message}"):
        seq2seq.train(write("wrong", data={"train": str(path)}))
    with pytest.raises(DataError, match=rf"wrong\.jsonl line 2: column 'signal' {message}"):
        seq2seq.generate_file(run, path, tmp_path / "out.jsonl")
    with pytest.raises(GenerationError, match=f"Source 1 {message}"):
        seq2seq.generate(run, [[[1.0]], value])


@pytest.mark.parametrize(
    ("row", "data", "message"),
    [
        ({"signal": [], "target": "cat"}, {}, r"line 1: the source has no position\. Remove the row"),
        ({"other": [[1]], "target": "cat"}, {}, r"line 1: column 'signal' is missing \(found: 'other', 'target'\)"),
        (
            {"signal": [[1]], "more": [[1]], "target": "cat"},
            {"columns": {"source": ["signal", "more"]}},
            r"line 1: Series reads one column, found columns 'signal', 'more'",
        ),
    ],
)
def test_row_without_a_source_is_named(write, tmp_path, row, data, message):
    path = tmp_path / "wrong.jsonl"
    path.write_text(json.dumps(row) + "\n")
    with pytest.raises(DataError, match=message):
        seq2seq.train(write("wrong", data={"train": str(path)} | data))


def test_source_that_encodes_other_than_it_says_is_named(write):
    with pytest.raises(DataError, match=r"source: Misshapen\.encode gave something else than rows of float32"):
        seq2seq.train(write("misshapen", SOURCE | {"kind": f"{__name__}:Misshapen"}))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ({"kind": "series"}, "source: 'series' is unknown. Expected one of text, or package.module:OBJECT"),
        (SOURCE | {"widht": 1}, "Series: widht: unknown key .* Did you mean 'width'"),
        (SOURCE | {"scale": 0}, "Series: scale: input should be greater than 0"),
        ({"kind": "text", "width": 1}, "text: width: unknown key"),
        ({"kind": "json:loads"}, "json:loads is a function, expected a class derived from seq2seq.Source"),
    ],
)
def test_wrong_source_is_refused_with_the_recipe(write, source, message):
    with pytest.raises(RecipeError, match=rf"source: .*{message}"):
        load_recipe(write("refused", source))


def test_metrics_that_compare_with_sources_are_refused(write, run, folder, tmp_path):
    message = "sari compares with the sources, which are no texts here"
    with pytest.raises(RecipeError, match=message):
        load_recipe(write("sari", evaluation={"metrics": ["exact_match", "sari"]}))
    with pytest.raises(RecipeError, match=message):
        load_recipe(write("sari", validation_metrics=["loss", "sari"]))
    data = [str(folder / "series_test.jsonl")]
    with pytest.raises(ScoringError, match=message):
        seq2seq.evaluate(run, data, output=tmp_path / "out", evaluation={"metrics": ["sari"]})
    with pytest.raises(ScoringError, match=message):
        seq2seq.prune(run, data, output=tmp_path / "small", keep=0.5, metrics=["sari"])


def test_vocabulary_of_sources_that_are_no_texts_is_not_trimmed(write):
    path = write("trimmed")
    with pytest.raises(RecipeError, match=r"model: trim_vocabulary needs texts on both sides"):
        load_recipe(path, ["model.trim_vocabulary=true"])


def test_export_is_refused(run, tmp_path):
    for name in ("ctranslate2", "transformers"):
        with pytest.raises(ExportError, match=f"reads {SERIES}; exports are for models that read text"):
            seq2seq.export(run, output=tmp_path / "out", format=name)


def test_attention_is_refused(run, tmp_path):
    with pytest.raises(AnalysisError, match="whose positions have no tokens to be named by"):
        seq2seq.analyze_attention(run, [draw_series(60)], output=tmp_path / "out")
