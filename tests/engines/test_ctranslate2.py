"""CTranslate2 under our options: each means what it means in transformers, or is refused."""

import json
from dataclasses import replace

import pytest
import torch

import seq2seq
from seq2seq.base.errors import ExportError, GenerationError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines.ctranslate2 import CTranslate2Engine
from seq2seq.engines.ctranslate2_spec import OTHER_ENDS, SUPPRESSED
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import build_description, shake

pytest.importorskip("ctranslate2")
SOURCES = [[2, 6, 7, 8, 3], [2, 9, 3], [2, 10, 11, 12, 13, 14, 15, 3]]


def export_engines(tiny_bert, folder, end_bias: float, **rules) -> tuple[TransformersEngine, CTranslate2Engine]:
    """Both engines of one shaken model, whose end mark has so much added to its logit; `rules` are its own."""
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    shake(started.model, 0.3)
    with torch.no_grad():
        started.model.decoder.get_output_embeddings().bias[3] += end_bias
    started.model.generation_config.update(**rules)
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
        {"num_beams": 4, "length_penalty": 0.0, "early_stopping": "never"},
        # Both stop there under any.
        {"num_beams": 4, "early_stopping": True},
        {"num_beams": 4, "early_stopping": True, "length_penalty": 2.0, "max_target_tokens": 16},
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
    assert [[(h.ids, h.is_ended, h.other_end) for h in hypotheses] for hypotheses in theirs] == [
        [(h.ids, h.is_ended, h.other_end) for h in hypotheses] for hypotheses in ours
    ]
    if chosen.scores:
        assert [h.score for [h] in theirs] == pytest.approx([h.score for [h] in ours], abs=1e-4)
    else:
        assert {h.score for [h] in theirs} == {None}
    return theirs


@pytest.mark.parametrize(
    ("rules", "options"),
    [
        ({"suppress_tokens": list(range(5, 30))}, {"num_beams": 1}),
        ({"bad_words_ids": [[20], [10, 10], [3]]}, {"num_beams": 1}),
        # In a search with beams the rest has what suppressed tokens would have had.
        ({"suppress_tokens": list(range(5, 30)), "renormalize_logits": True}, {"num_beams": 4}),
    ],
    ids=str,
)
def test_engines_obey_the_rules_of_a_model(tiny_bert, tmp_path, engines, rules, options):
    engines_of_rules = export_engines(tiny_bert, tmp_path, end_bias=0.0, **rules)
    options = {"max_target_tokens": 16} | options
    written = check_same(engines_of_rules, options)
    assert [h.ids for [h] in written] != [h.ids for [h] in check_same(engines, options)]


def test_engines_end_at_every_end(tiny_bert, tmp_path):
    engines = export_engines(tiny_bert, tmp_path, end_bias=2.0, eos_token_id=[3, *range(10, 40)])
    for options in ({"num_beams": 1}, {"num_beams": 4, "early_stopping": True, "scores": True}):
        written = check_same(engines, options | {"min_target_tokens": 3})
        assert all(len(h.ids) >= 3 for [h] in written)
        assert any(h.other_end in range(10, 40) for [h] in written)
    labels = [[6, 7, 12], [8, 3], [9, 10, 11, 12]]
    ours, theirs = (engine.score(SOURCES, labels) for engine in engines)
    for first, second in zip(ours, theirs, strict=True):
        assert second == pytest.approx(first, abs=1e-4)


def test_ends_and_suppressed_tokens_beyond_the_table_are_passed_over(tiny_bert, tmp_path, engines):
    rules = {"eos_token_id": [3, 5000], "suppress_tokens": [5000]}
    written = check_same(export_engines(tiny_bert, tmp_path, end_bias=0.0, **rules), {"num_beams": 1})
    assert written == check_same(engines, {"num_beams": 1})


def test_export_of_an_earlier_version_has_one_end_and_no_rules(tiny_bert, tmp_path, engines):
    export_engines(tiny_bert, tmp_path, end_bias=0.0)
    path = tmp_path / "export" / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in config.items() if name not in (OTHER_ENDS, SUPPRESSED)}))
    options = GenerationOptions(max_target_tokens=8)
    assert CTranslate2Engine.load(tmp_path / "export").generate(SOURCES, options) == engines[1].generate(
        SOURCES, options
    )


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"forced_bos_token_id": 6}, "its generation config has forced_bos_token_id: 6"),
        ({"forced_eos_token_id": 3, "sequence_bias": [[[9], 5.0]]}, "forced_eos_token_id: 3; .* sequence_bias: "),
        ({"begin_suppress_tokens": [7]}, "begin_suppress_tokens: "),
        ({"exponential_decay_length_penalty": [3, 1.5]}, "exponential_decay_length_penalty: "),
        ({"watermarking_config": {"bias": 2.0}}, "watermarking_config: "),
    ],
    ids=str,
)
def test_rules_that_ctranslate2_does_not_have_are_refused(tiny_bert, tmp_path, rules, message):
    with pytest.raises(ExportError, match=message):
        export_engines(tiny_bert, tmp_path, end_bias=0.0, **rules)


def test_given_targets_are_scored_alike_with_and_without_end_mark(engines):
    labels = [[6, 7, 3], [8, 3], [9, 10, 11, 12]]
    ours, theirs = (engine.score(SOURCES, labels) for engine in engines)
    assert [len(scores) for scores in ours] == [3, 2, 4]
    for first, second in zip(ours, theirs, strict=True):
        assert second == pytest.approx(first, abs=1e-4)


def test_target_that_fills_all_positions_without_an_end_is_scored_alike(engines):
    labels = [[6] * 64, [7] * 63 + [3], [8] * 63]
    ours, theirs = (engine.score(SOURCES, labels) for engine in engines)
    for first, second in zip(ours, theirs, strict=True):
        assert second == pytest.approx(first, abs=1e-4)


def test_output_that_fills_all_positions_has_its_score(engines):
    options = GenerationOptions(num_beams=1, max_target_tokens=64, min_target_tokens=63, scores=True)
    ours, theirs = (engine.generate(SOURCES, options) for engine in engines)
    for (first,), (second,) in zip(ours, theirs, strict=True):
        assert len(second.ids) >= 63
        assert (second.ids, second.score) == (first.ids, pytest.approx(first.score, abs=1e-2))


class FailingTranslator:
    """In the place of CTranslate2's, whose results are errors."""

    def __init__(self, message: str) -> None:
        self.message = message

    def translate_batch(self, sources, *arguments, **options) -> list["FailingTranslator"]:
        return [self] * len(sources)

    score_batch = translate_batch

    def result(self) -> None:
        raise RuntimeError(self.message)


def test_batch_that_memory_does_not_hold_is_told(engines):
    failing = replace(engines[1], translator=FailingTranslator("CUDA failed with error out of memory"))
    with pytest.raises(GenerationError, match="Memory ran out with 3 sources in a batch. Lower generation"):
        failing.generate(SOURCES, GenerationOptions(max_target_tokens=8))
    with pytest.raises(GenerationError, match="Memory ran out where 3 given pairs were scored at once"):
        failing.score(SOURCES, [[6, 3]] * 3)
    with pytest.raises(RuntimeError, match="no such device"):
        replace(failing, translator=FailingTranslator("no such device")).score(SOURCES, [[6, 3]] * 3)


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
        ({"early_stopping": "never"}, SOURCES, "early_stopping: CTranslate2 has no such search as 'never'"),
        ({"precision": "bf16"}, SOURCES, "precision: an export .* Leave it out, and export again with another"),
        ({"encoder_no_repeat_ngram_size": 2}, SOURCES, "CTranslate2 does not compare outputs with sources"),
        ({"encoder_repetition_penalty": 2.0}, SOURCES, "CTranslate2 does not compare outputs with sources"),
        ({"max_target_tokens": 65}, SOURCES, "A target of 65 tokens .* the model has 64 positions"),
        ({}, [[6] * 65], "A source of 65 tokens .* the model has 64 positions"),
    ],
)
def test_what_the_engine_cannot_do_is_refused(engines, options, sources, message):
    with pytest.raises(GenerationError, match=message):
        engines[1].generate(sources, GenerationOptions(**({"max_target_tokens": 8} | options)))
