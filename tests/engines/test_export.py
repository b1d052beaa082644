"""Exports: equal to the model in float32, measured in int8, refused with a reason, whole or not there."""

import json
import shutil
from dataclasses import replace
from functools import cache

import pytest
from transformers import AutoTokenizer, EncoderDecoderModel

import seq2seq
from seq2seq.base.errors import CheckpointError, DataError, ExportError, GenerationError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines.ctranslate2 import CTranslate2Engine
from seq2seq.engines.ctranslate2_spec import build_spec
from seq2seq.engines.engine import Engine, Hypothesis
from seq2seq.engines.equality import TOLERANCE, Equality, compare_engines
from seq2seq.engines.exported import load_exported
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import build_description, save_bert, shake
from tests.families import save_family

pytest.importorskip("ctranslate2")
TEXTS = ["the cat sat on the mat.", "[SEP] a dog, and a bird!", "", "fish don't swim", "the un##ed sea"]
STARTS = {
    "bert2bert": {"plan": "bert2bert", "encoder": "bert"},
    "bertshare": {"plan": "bertshare", "encoder": "bert"},
    "bare sources": {"plan": "bert2bert", "encoder": "bert", "source_marks": False},
    "rnd2rnd": {"plan": "rnd2rnd", "encoder": "bert"},
    "robertashare": {"plan": "robertashare", "encoder": "roberta"},
    "two vocabularies": {"plan": "pair", "encoder": "loose bert", "decoder": "roberta"},
    "two widths": {"plan": "pair", "encoder": "loose bert", "decoder": "wide roberta"},
    "fewer layers": {"plan": "bert2bert", "encoder": "bert", "decoder_layers": 1},
}
OF_GPT2 = {"plan": "pair", "encoder": "bert", "decoder": "gpt2"}


@pytest.fixture(scope="module")
def write(tmp_path_factory):
    """A function that writes the checkpoint of a start once."""

    @cache
    def save(name: str) -> str:
        folder = tmp_path_factory.mktemp(name.replace(" ", "_"))
        family, width = name.split()[-1], 48 if "wide" in name else 32
        if family == "bert":  # loose: with the epsilon of RoBERTa's layer norms
            return str(save_bert(folder, **({"layer_norm_eps": 1e-5} if "loose" in name else {})))
        return str(save_family(folder, family, width=width, head=True))

    @cache
    def write(name: str):
        options = {
            key: save(value) if key in ("encoder", "decoder") else value
            for key, value in (STARTS | {"gpt2": OF_GPT2})[name].items()
        }
        started = seq2seq.warm_start(**options)
        shake(started.model, 0.2, seed=1)
        folder = tmp_path_factory.mktemp("checkpoint") / "checkpoint"
        write_checkpoint(folder, started.model, started.tokenizers, build_description(started, num_beams=3))
        return folder

    return write


@pytest.mark.parametrize("name", STARTS)
def test_float32_export_is_equal_to_its_model(write, tmp_path, name):
    exported = seq2seq.export(write(name), output=tmp_path / "export")
    assert exported.equality.texts == 64
    assert exported.equality.largest_difference <= TOLERANCE
    assert exported.equality.equal + exported.equality.ties == 64
    assert exported.equality.equal_beams >= 60
    for options in ({}, {"num_beams": 1}):
        expected = seq2seq.generate(write(name), TEXTS, **options)
        assert seq2seq.generate(tmp_path / "export", TEXTS, **options) == expected
        assert len(set(expected)) > 1


def test_float32_export_is_equal_to_its_model_on_real_weights(minilm, tmp_path):
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(minilm), encoder_layers=2, decoder_layers=1)
    shake(started.model, 0.02)
    write_checkpoint(
        tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, max_target_tokens=8)
    )
    equality = seq2seq.export(tmp_path / "ckpt", output=tmp_path / "export").equality
    assert (equality.equal, equality.largest_difference <= TOLERANCE) == (64, True)


def test_gpt2_decoder_has_another_epsilon_and_the_check_tells_whether_it_matters(write, tmp_path):
    """BERT's layer norms have 1e-12, GPT-2's 1e-5, and CTranslate2 one number for both."""
    config = json.loads((write("gpt2") / "config.json").read_text())
    assert (config["encoder"]["layer_norm_eps"], config["decoder"]["layer_norm_epsilon"]) == (1e-12, 1e-5)
    try:
        exported = seq2seq.export(write("gpt2"), output=tmp_path / "export")
    except ExportError as error:
        assert "the log-probability of a token differs by" in str(error)
        assert not (tmp_path / "export").exists()
    else:
        assert exported.equality.largest_difference <= TOLERANCE


def test_int8_export_is_smaller_and_its_differences_are_measured(write, tmp_path):
    whole = seq2seq.export(write("bert2bert"), output=tmp_path / "whole")
    small = seq2seq.export(write("bert2bert"), output=tmp_path / "small", quantization="int8")
    sizes = [(tmp_path / name / "model.bin").stat().st_size for name in ("whole", "small")]
    assert sizes[1] < 0.5 * sizes[0]
    assert small.equality.largest_difference > TOLERANCE > whole.equality.largest_difference
    assert len(seq2seq.generate(tmp_path / "small", TEXTS)) == len(TEXTS)


def test_plain_transformers_loads_the_export_untied(write, tmp_path):
    exported = seq2seq.export(write("bertshare"), output=tmp_path / "export", format="transformers")
    assert exported.equality == Equality(texts=64, largest_difference=0.0, equal=64, ties=0, equal_beams=64)
    model, tokenizer = (loader.from_pretrained(tmp_path / "export") for loader in (EncoderDecoderModel, AutoTokenizer))
    encoder, decoder = model.encoder.encoder.layer[0], model.decoder.bert.encoder.layer[0]
    assert encoder.output.dense.weight.data_ptr() != decoder.output.dense.weight.data_ptr()
    inputs = tokenizer(TEXTS[:2], return_tensors="pt", padding=True)
    texts = tokenizer.batch_decode(model.eval().generate(**inputs), skip_special_tokens=True)
    assert [text.strip() for text in texts] == seq2seq.generate(write("bertshare"), TEXTS[:2])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"convert": False}, "the encoder is a bert; bert-generation can be exported; the decoder is a bert"),
        ({"decoder": "rembert"}, "the decoder is a rembert; bert-generation and gpt2 can be exported"),
    ],
)
def test_what_ctranslate2_cannot_compute_is_refused_with_the_reason(tiny_bert, tmp_path, options, message):
    if "decoder" in options:
        options = {"decoder": str(save_family(tmp_path / "decoder", options["decoder"], width=32, head=True))}
    started = seq2seq.warm_start(plan="pair", encoder=str(tiny_bert), **options)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started))
    with pytest.raises(ExportError, match=f"{message}.*`--format transformers` exports every pair"):
        seq2seq.export(tmp_path / "ckpt", output=tmp_path / "export")
    assert [path.name for path in tmp_path.iterdir() if "export" in path.name] == []


def test_activation_that_ctranslate2_does_not_have_is_refused(tmp_path):
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(save_bert(tmp_path / "bert", hidden_act="tanh")))
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started))
    with pytest.raises(ExportError, match="the encoder's activation is 'tanh'; gelu, .*; the decoder's activation"):
        seq2seq.export(tmp_path / "ckpt", output=tmp_path / "export")


def test_export_over_something_is_refused(write, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(ExportError, match="exists. Choose another output"):
        seq2seq.export(write("bert2bert"), output=tmp_path)


@pytest.mark.parametrize("format", ["ctranslate2", "transformers"])
def test_earlier_export_is_replaced_where_that_is_asked_for(write, tmp_path, format):
    checkpoint = write("bert2bert")
    options = {"output": tmp_path / "export", "format": format}
    seq2seq.export(checkpoint, **options)
    (tmp_path / "export/of_before.txt").write_text("")
    with pytest.raises(ExportError, match="export exists. Choose another output, or replace it with --overwrite"):
        seq2seq.export(checkpoint, **options)
    seq2seq.export(checkpoint, **options, overwrite=True)
    assert not (tmp_path / "export/of_before.txt").exists()
    assert not list(tmp_path.glob(".export*"))


@pytest.mark.parametrize("format", ["ctranslate2", "transformers"])
def test_folder_that_cannot_be_made_is_refused(write, tmp_path, format):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file: the folder cannot be made \(File exists\)"):
        seq2seq.export(write("bert2bert"), output=tmp_path / "file/export", format=format)


def test_quantization_of_a_transformers_export_is_refused(write, tmp_path):
    with pytest.raises(ExportError, match="quantization is for ctranslate2"):
        seq2seq.export(write("bert2bert"), output=tmp_path / "a", format="transformers", quantization="int8")


def test_export_that_is_not_the_model_is_not_kept(write, tmp_path, monkeypatch):
    def spoil(*arguments):
        spec = build_spec(*arguments)
        spec.decoder.projection.bias = spec.decoder.projection.bias + 0.5 * (spec.decoder.projection.bias > 0)
        return spec

    monkeypatch.setattr("seq2seq.engines.ctranslate2.build_spec", spoil)
    with pytest.raises(ExportError, match="the log-probability of a token differs by .* was not kept"):
        seq2seq.export(write("bert2bert"), output=tmp_path / "export")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("equality", "message"),
    [
        (Equality(10, 2e-4, 10, 0, 10), "differs by 0.0002, more than 0.0001"),
        (Equality(10, float("nan"), 10, 0, 10), "differs by nan"),
        (Equality(10, 0.0, 7, 2, 10), "1 of 10 greedy outputs differ and are no ties"),
    ],
)
def test_unequal_exports_are_refused(equality, message):
    with pytest.raises(ExportError, match=message):
        equality.check()


def test_equal_exports_pass():
    Equality(10, 1e-5, 7, 3, 9).check()


class Fixed(Engine):
    """An engine that writes the same outputs, and scores targets by their first label."""

    end_id = 3

    @classmethod
    def load(cls, folder):
        raise AssertionError("it is in no folder")

    def __init__(self, *outputs: list[int], scores: dict[int, float]) -> None:
        self.outputs, self.scores = [Hypothesis(ids, True) for ids in outputs], scores

    def check(self, options, max_source_tokens):
        pass

    def write(self, *arguments):
        return [[output] for output in self.outputs]

    def score(self, sources, labels):
        return [[self.scores[ids[0]]] for ids in labels]


def test_outputs_that_differ_are_ties_where_the_model_finds_them_as_good():
    scores = {5: -1.0, 6: -1.00005, 7: -1.2, 8: -0.9}
    ours = Fixed([5], [5], [5], [5], scores=scores)
    theirs = Fixed([5], [6], [7], [8], scores=scores | {5: -1.3})
    equality = compare_engines(ours, theirs, [[1]] * 4, [[5]] * 4, GenerationOptions())
    assert equality == Equality(texts=4, largest_difference=pytest.approx(0.3), equal=1, ties=2, equal_beams=1)


def test_export_is_no_checkpoint_to_train_or_export_again(write, tmp_path):
    seq2seq.export(write("bert2bert"), output=tmp_path / "export")
    with pytest.raises(CheckpointError, match="is an export for ctranslate2, to generate with"):
        seq2seq.load_checkpoint(tmp_path / "export")


def test_engine_must_be_that_of_the_folder(write, tmp_path):
    seq2seq.export(write("bert2bert"), output=tmp_path / "export")
    assert load_exported(tmp_path / "export", CTranslate2Engine).engine.end_token == "[SEP]"
    with pytest.raises(GenerationError, match="is for the engine ctranslate2, not transformers. Name the checkpoint"):
        seq2seq.load_model(tmp_path / "export", "transformers")
    with pytest.raises(GenerationError, match="not ctranslate2. Export it first: seq2seq export"):
        seq2seq.load_model(write("bert2bert"), "ctranslate2")


def test_damaged_export_is_refused(write, tmp_path):
    seq2seq.export(write("bert2bert"), output=tmp_path / "export")
    shutil.copytree(tmp_path / "export", tmp_path / "broken")
    (tmp_path / "broken/model.bin").write_bytes((tmp_path / "export/model.bin").read_bytes()[:1000])
    with pytest.raises(GenerationError, match="CTranslate2 cannot load it .* Export the model again"):
        seq2seq.load_model(tmp_path / "broken")


def test_export_is_evaluated_as_its_checkpoint_is(write, tmp_path):
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"source": text, "target": "a cat"}) + "\n" for text in TEXTS if text))
    seq2seq.export(write("bert2bert"), output=tmp_path / "export", data=[str(data)])
    for name, folder in (("ours", write("bert2bert")), ("theirs", tmp_path / "export")):
        seq2seq.evaluate(folder, [str(data)], output=tmp_path / name)
    written = [(tmp_path / name / "predictions.jsonl").read_text() for name in ("ours", "theirs")]
    assert written[0] == written[1]


def test_generator_of_the_model_and_of_the_export_score_pairs_alike(write, tmp_path):
    seq2seq.export(write("two vocabularies"), output=tmp_path / "export")
    scores = [
        seq2seq.load_generator(folder).score(["the cat", "a dog ran"], ["a cat", "dog"])
        for folder in (write("two vocabularies"), tmp_path / "export")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-4)
    assert isinstance(seq2seq.load_generator(write("two vocabularies")).engine, TransformersEngine)


def test_export_of_a_checkpoint_with_added_tokens_is_equal_to_its_model(tiny_bert, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(tiny_bert)
    tokenizer.add_special_tokens({"extra_special_tokens": ["[HL]"]})
    tokenizer.add_tokens(["[new]"])
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    names = {"source_tokenizer": str(tmp_path / "tokenizer"), "target_tokenizer": str(tmp_path / "tokenizer")}
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert), **names)
    shake(started.model, 0.2, seed=1)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=3))
    seq2seq.export(tmp_path / "ckpt", output=tmp_path / "export")
    texts = ["[HL] the cat [HL] sat", "a [new] dog", "the cat"]
    for options in ({}, {"target_prefix": "[HL] [new]"}):
        expected = seq2seq.generate(tmp_path / "ckpt", texts, **options)
        assert seq2seq.generate(tmp_path / "export", texts, **options) == expected
    assert expected[0].startswith("[new]")


def test_export_forgets_the_precision_of_its_checkpoint(write, tmp_path):
    """It has the type that it was written in, and its engine refuses another."""
    folder = tmp_path / "checkpoint"
    loaded = seq2seq.load_checkpoint(write("bert2bert"))
    generation = {**loaded.description.generation, "precision": "bf16"}
    write_checkpoint(folder, loaded.model, loaded.tokenizers, replace(loaded.description, generation=generation))
    seq2seq.export(folder, output=tmp_path / "export", format="ctranslate2")
    assert seq2seq.load_generator(folder).options.precision == "bf16"
    assert seq2seq.load_generator(tmp_path / "export").options.precision == "fp32"
    with pytest.raises(GenerationError, match="precision: an export for CTranslate2 computes in the type"):
        seq2seq.load_generator(tmp_path / "export", precision="fp16")
