"""CTranslate2 under our options: each means what it means in transformers, or is refused."""

import pytest
import torch

import seq2seq
from seq2seq.base.errors import GenerationError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines.ctranslate2 import CTranslate2Engine
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import build_description, shake

pytest.importorskip("ctranslate2")
SOURCES = [[2, 6, 7, 8, 3], [2, 9, 3], [2, 10, 11, 12, 13, 14, 15, 3]]


def export_engines(tiny_bert, folder, end_bias: float) -> tuple[TransformersEngine, CTranslate2Engine]:
    """Both engines of one shaken model, whose end mark has so much added to its logit."""
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    shake(started.model, 0.3)
    with torch.no_grad():
        started.model.decoder.get_output_embeddings().bias[3] += end_bias
    write_checkpoint(folder / "ckpt", started.model, started.tokenizers, build_description(started))
    seq2seq.export(folder / "ckpt", output=folder / "export")
    return TransformersEngine(started.model), CTranslate2Engine.load(folder / "export")


@pytest.fixture(scope="module")
def engines(tiny_bert, tmp_path_factory) -> tuple[TransformersEngine, CTranslate2Engine]:
    """Of a model that hardly ever ends its outputs."""
    return export_engines(tiny_bert, tmp_path_factory.mktemp("engines"), end_bias=0.0)


@pytest.fixture(scope="module")
def ending_engines(tiny_bert, tmp_path_factory) -> tuple[TransformersEngine, CTranslate2Engine]:
    """Of a model that ends its outputs as soon as it may."""
    return export_engines(tiny_bert, tmp_path_factory.mktemp("ending_engines"), end_bias=6.0)


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 1},
        {"num_beams": 4},
        {"num_beams": 4, "length_penalty": 0.0},
        {"num_beams": 4, "length_penalty": 0.0, "length_penalty_form": "gnmt"},
        {"num_beams": 4, "length_penalty": 2.0},
        {"num_beams": 1, "min_target_tokens": 5},
        {"num_beams": 3, "min_target_tokens": 5},
        {"num_beams": 1, "no_repeat_ngram_size": 2},
        {"num_beams": 1, "repetition_penalty": 1.5},
        {"num_beams": 1, "prefix": [20, 21]},
        {"num_beams": 4, "prefix": [20, 21]},
        {"num_beams": 1, "prefix": [20, 21], "min_target_tokens": 4},
        {"num_beams": 1, "max_target_tokens": 1},
        {"num_beams": 3, "scores": True},
    ],
    ids=str,
)
def test_engines_write_the_same(engines, options):
    check_same(engines, options)


@pytest.mark.parametrize(
    "options",
    [
        {"num_beams": 1},
        {"num_beams": 1, "min_target_tokens": 5},
        {"num_beams": 1, "prefix": [20, 21], "min_target_tokens": 4},
        # Under a penalty CTranslate2 stops at as many ended outputs as beams, transformers when no beam can get better.
        {"num_beams": 4, "length_penalty": 0.0},
        {"num_beams": 4, "length_penalty": 0.0, "min_target_tokens": 5},
    ],
    ids=str,
)
def test_engines_end_at_the_same_place(ending_engines, options):
    written = check_same(ending_engines, options)
    assert any(h.is_ended for [h] in written)


def check_same(engines, options) -> list:
    options = dict(options)
    prefix = options.pop("prefix", ())
    chosen = GenerationOptions(**({"max_target_tokens": 8} | options))
    ours, theirs = (engine.generate(SOURCES, chosen, prefix=prefix) for engine in engines)
    assert [[(h.ids, h.is_ended) for h in hypotheses] for hypotheses in theirs] == [
        [(h.ids, h.is_ended) for h in hypotheses] for hypotheses in ours
    ]
    if chosen.scores:
        assert [h.score for [h] in theirs] == pytest.approx([h.score for [h] in ours], abs=1e-4)
    else:
        assert {h.score for [h] in theirs} == {None}
    return theirs


def test_given_targets_are_scored_alike_with_and_without_end_mark(engines):
    labels = [[6, 7, 3], [8, 3], [9, 10, 11, 12]]
    ours, theirs = (engine.score(SOURCES, labels) for engine in engines)
    assert [len(scores) for scores in ours] == [3, 2, 4]
    for first, second in zip(ours, theirs, strict=True):
        assert second == pytest.approx(first, abs=1e-4)


def test_several_outputs_come_best_first(engines):
    options = GenerationOptions(num_beams=4, num_outputs=4, max_target_tokens=8, length_penalty=0.0, scores=True)
    for hypotheses in engines[1].generate(SOURCES, options):
        assert len({tuple(h.ids) for h in hypotheses}) == 4
        assert [h.score for h in hypotheses] == sorted((h.score for h in hypotheses), reverse=True)


def test_torch_keeps_its_threads(tiny_bert, tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        export_engines(tiny_bert, tmp_path, end_bias=0.0)
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("ahead", [1, 3, 100])
def test_order_and_progress_do_not_depend_on_batches(engines, monkeypatch, ahead):
    options, sources = GenerationOptions(num_beams=2, max_target_tokens=8, batch_tokens=52), SOURCES * 3
    whole = engines[1].generate(sources, options)
    monkeypatch.setattr("seq2seq.engines.ctranslate2.AHEAD", ahead)
    finished = []
    assert engines[1].generate(sources, options, finished.append) == whole
    assert finished == [
        1,
        1,
        1,
        2,
        2,
        2,
    ]  # 26 fit: one of 8 + 8, two of 5 + 8, two of 3 + 8


@pytest.mark.parametrize(
    ("options", "sources", "message"),
    [
        ({"num_beams": 1, "sampling": True}, SOURCES, "sampling: CTranslate2 does not repeat its draws"),
        ({"length_penalty_form": "gnmt"}, SOURCES, "length_penalty_form: CTranslate2 has length.alpha alone"),
        ({"max_target_tokens": 65}, SOURCES, "A target of 65 tokens .* the model has 64 positions"),
        ({}, [[6] * 65], "A source of 65 tokens .* the model has 64 positions"),
    ],
)
def test_what_the_engine_cannot_do_is_refused(engines, options, sources, message):
    with pytest.raises(GenerationError, match=message):
        engines[1].generate(sources, GenerationOptions(**({"max_target_tokens": 8} | options)))
