"""The options of the search, each against a literal reading of what it says, on a tiny shaken model."""

import itertools
from dataclasses import replace

import pytest
import torch
from transformers import GenerationConfig

from seq2seq.base.errors import GenerationError
from seq2seq.base.options import build_options
from seq2seq.engines.engine import Hypothesis
from seq2seq.engines.forced_decoding import score_ids
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from seq2seq.generation.generator import Generator
from seq2seq.modeling.generation_config import GnmtPenalty, translate_options
from seq2seq.sources.text import TextSource
from tests.conftest import build_generator, shake

BEGIN, END = 2, 3
SOURCES = [[2, 6, 7, 8, 3], [2, 9, 3], [2, 10, 11, 12, 13, 14, 15, 3]]


@pytest.fixture
def model(started):
    shake(started.model)
    return started.model


def search(model, sources=SOURCES, prefix=(), **options):
    return TransformersEngine(model).generate(
        sources, GenerationOptions(**({"max_target_tokens": 8} | options)), prefix=prefix
    )


def compute_log_probabilities(model, source, target) -> list[float]:
    """Of each token of a target, each from a forward pass of its own."""
    log_probabilities = []
    with torch.no_grad():
        for position, token in enumerate(target):
            decoder_ids = torch.tensor([[BEGIN, *target[:position]]])
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=decoder_ids).logits[0, -1]
            log_probabilities.append(torch.log_softmax(logits.double(), dim=-1)[token].item())
    return log_probabilities


def with_end(hypothesis) -> list[int]:
    return [*hypothesis.ids, END] if hypothesis.is_ended else hypothesis.ids


def test_scores_of_outputs_are_those_of_forward_passes_token_by_token(model):
    for source, hypotheses in zip(SOURCES, search(model, num_beams=3, num_outputs=3, scores=True), strict=True):
        for hypothesis in hypotheses:
            expected = sum(compute_log_probabilities(model, source, with_end(hypothesis)))
            assert hypothesis.score == pytest.approx(expected, abs=1e-4)


def test_outputs_have_no_score_unless_asked_for(model):
    assert {hypothesis.score for [hypothesis] in search(model)} == {None}


def test_given_targets_are_scored_in_any_batch(model, monkeypatch):
    targets = [[6, 7, END], [8, END], [9, 10, 11, 12]]
    expected = [
        compute_log_probabilities(model, source, target) for source, target in zip(SOURCES, targets, strict=True)
    ]

    def check(scores) -> None:
        for score, wanted in zip(scores, expected, strict=True):
            assert score == pytest.approx(wanted, abs=1e-4)

    check(score_ids(model, SOURCES, targets))
    monkeypatch.setattr("seq2seq.engines.forced_decoding.BATCH_TOKENS", 1)
    finished = []
    check(score_ids(model, SOURCES, targets, finished.append))
    assert finished == [1, 1, 1]


@pytest.mark.parametrize("penalty", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("form", ["power", "gnmt"])
def test_best_outputs_are_those_of_an_exhaustive_search(model, form, penalty):
    """With as many beams as tokens the search of two tokens is exhaustive."""
    tokens = model.config.decoder.vocab_size
    outputs = search(
        model, num_beams=tokens, num_outputs=5, max_target_tokens=2, length_penalty=penalty, length_penalty_form=form
    )
    for source, hypotheses in zip(SOURCES, outputs, strict=True):
        [first] = compute_next(model, source, [[]])
        second = compute_next(model, source, [[token] for token in range(tokens)])
        sums = {(END,): first[END].item()} | {
            (token, last): (first[token] + second[token][last]).item()
            for token, last in itertools.product(range(tokens), repeat=2)
            if token != END
        }

        def rank(ids, sums=sums) -> float:
            length = len(ids)
            return sums[ids] / (length**penalty if form == "power" else ((5 + length) / 6) ** penalty)

        assert [tuple(with_end(h)) for h in hypotheses] == sorted(sums, key=rank, reverse=True)[:5]


def compute_next(model, source, targets) -> torch.Tensor:
    """The log-probability of each token behind each of some targets of one length: targets x tokens."""
    sources = torch.tensor([source] * len(targets))
    with torch.no_grad():
        logits = model(
            input_ids=sources, decoder_input_ids=torch.tensor([[BEGIN, *target] for target in targets])
        ).logits
    return torch.log_softmax(logits[:, -1].double(), dim=-1)


def test_gnmt_penalty_divides_by_its_formula_and_is_its_alpha_in_files():
    assert 7 ** GnmtPenalty(0.5) == 2**0.5
    assert 1 ** GnmtPenalty(0.6) == 1.0
    options = GenerationOptions(length_penalty=0.6, length_penalty_form="gnmt").model_dump()
    assert GenerationConfig(**translate_options(options)).to_dict()["length_penalty"] == 0.6


def test_several_outputs_differ_and_the_first_is_the_one_of_one(model):
    several = search(model, num_beams=4, num_outputs=4)
    assert [hypotheses[0] for hypotheses in several] == [hypothesis for [hypothesis] in search(model, num_beams=4)]
    assert all(len({tuple(h.ids) for h in hypotheses}) == 4 for hypotheses in several)


@pytest.mark.parametrize("num_beams", [1, 3])
def test_outputs_have_at_least_the_tokens_asked_for(model, num_beams):
    with torch.no_grad():
        model.decoder.get_output_embeddings().bias[END] = 30.0  # it would end at once
    assert [hypothesis.ids for [hypothesis] in search(model, num_beams=num_beams)] == [[], [], []]
    outputs = search(model, num_beams=num_beams, min_target_tokens=5)
    assert [(len(h.ids), h.is_ended) for [h] in outputs] == [(5, True)] * 3


def test_search_that_stops_early_keeps_the_first_outputs_that_end(model):
    """A sum that is divided by length^3 is the better the longer it is: the longer a search goes on, the longer."""
    with torch.no_grad():
        model.decoder.get_output_embeddings().bias[END] += 8.0
    options = {"num_beams": 2, "max_target_tokens": 20, "length_penalty": 3.0}
    lengths = {}
    for stopping in (True, False, "never"):
        lengths[stopping] = sum(len(h.ids) for [h] in search(model, early_stopping=stopping, **options))
    assert lengths[True] < lengths[False] < lengths["never"]


@pytest.mark.parametrize("num_beams", [1, 3])
def test_no_n_gram_of_the_source_is_written(model, num_beams):
    source = [2, *range(5, 60), 3]
    [[found]] = search(model, [source], num_beams=num_beams, encoder_no_repeat_ngram_size=1, max_target_tokens=20)
    assert set(found.ids).isdisjoint(source)
    [[without]] = search(model, [source], num_beams=num_beams, max_target_tokens=20)
    assert not set(without.ids).isdisjoint(source)


def test_encoder_penalty_multiplies_positive_and_divides_negative_logits_of_the_sources_tokens(model):
    source, penalty, written = SOURCES[0], 4.0, [BEGIN]
    with torch.no_grad():
        for _ in range(8):
            decoder_ids = torch.tensor([written])
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=decoder_ids).logits[0, -1]
            for token in set(source):
                logits[token] = logits[token] * penalty if logits[token] > 0 else logits[token] / penalty
            written.append(int(logits.argmax()))
    [[found]] = search(model, [source], num_beams=1, encoder_repetition_penalty=penalty)
    [[without]] = search(model, [source], num_beams=1)
    assert with_end(found) == written[1 : 1 + len(with_end(found))]
    assert found.ids != without.ids


@pytest.mark.parametrize("num_beams", [1, 3])
def test_generation_config_of_a_model_does_not_change_what_the_engine_needs(model, num_beams):
    expected = search(model, num_beams=num_beams)
    model.generation_config.update(
        use_cache=False, cache_implementation="static", return_dict_in_generate=True, output_attentions=True
    )  # fmt: skip
    assert search(model, num_beams=num_beams) == expected


@pytest.mark.parametrize(
    ("hypothesis", "shown", "labels"),
    [
        (Hypothesis([7, 8], is_ended=True), [7, 8], [7, 8, 3]),
        (Hypothesis([7, 8], is_ended=False), [7, 8], [7, 8]),
        (Hypothesis([7, 8], is_ended=True, other_end=15), [7, 8, 15], [7, 8, 15]),
    ],
)
def test_output_shows_the_end_that_is_not_the_models_own(hypothesis, shown, labels):
    assert (hypothesis.shown, hypothesis.to_labels(3)) == (shown, labels)


def test_no_n_gram_is_written_twice(model):
    def count_repeated(**options) -> int:
        outputs = [hypothesis.ids for [hypothesis] in search(model, num_beams=1, max_target_tokens=20, **options)]
        pairs = [list(itertools.pairwise(ids)) for ids in outputs]
        return sum(len(bigrams) - len(set(bigrams)) for bigrams in pairs)

    assert count_repeated() > 0
    assert count_repeated(no_repeat_ngram_size=2) == 0


def test_repetition_penalty_divides_positive_and_multiplies_negative_logits(model):
    source, penalty, written = SOURCES[0], 1.8, [BEGIN]
    with torch.no_grad():
        for _ in range(8):
            decoder_ids = torch.tensor([written])
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=decoder_ids).logits[0, -1]
            for token in set(written):
                logits[token] = logits[token] / penalty if logits[token] > 0 else logits[token] * penalty
            written.append(int(logits.argmax()))
    [[penalized]] = search(model, [source], num_beams=1, repetition_penalty=penalty)
    [[without]] = search(model, [source], num_beams=1)
    assert with_end(penalized) == written[1 : 1 + len(with_end(penalized))]
    assert penalized.ids != without.ids


@pytest.mark.parametrize("num_beams", [1, 3])
def test_forced_prefix_is_continued_as_the_model_would(model, num_beams):
    prefix = [20, 21]
    outputs = search(model, num_beams=num_beams, prefix=prefix)
    assert all(hypothesis.ids[:2] == prefix and len(with_end(hypothesis)) <= 8 for [hypothesis] in outputs)
    if num_beams == 1:
        for source, [hypothesis] in zip(SOURCES, outputs, strict=True):
            ids = with_end(hypothesis)
            for position in range(2, len(ids)):
                assert ids[position] == int(compute_next(model, source, [ids[:position]]).argmax())


def test_prefix_counts_among_the_least_and_most_tokens(model):
    with torch.no_grad():
        model.decoder.get_output_embeddings().bias[END] = 30.0
    outputs = search(model, num_beams=1, prefix=[20, 21], min_target_tokens=3)
    assert [len(hypothesis.ids) for [hypothesis] in outputs] == [3, 3, 3]
    with pytest.raises(GenerationError, match="target_prefix has 8 tokens, and an output may have 8 with its end mark"):
        search(model, prefix=[20] * 8)


def build(started, **options) -> Generator:
    shake(started.model)
    chosen = GenerationOptions(**({"max_target_tokens": 8} | options))
    return build_generator(started, chosen)


def test_every_output_begins_with_the_forced_text(started):
    texts = build(started, target_prefix="the cat", num_beams=2).generate(["a dog ran", "", "fish"]).texts
    assert [text.startswith("the cat") for text in texts] == [True, False, True]
    assert texts[1] == ""


def test_prefix_that_is_no_text_is_refused(started):
    with pytest.raises(GenerationError, match=r"target_prefix: '\\udcff' holds half of a surrogate pair"):
        build(started, target_prefix="\udcff")


def test_prefix_without_a_token_is_refused(started):
    with pytest.raises(GenerationError, match="target_prefix: ' ' has no token"):
        build(started, target_prefix=" ")


def test_rows_have_what_was_asked_for(started):
    generator = build(started, num_beams=2, num_outputs=2, scores=True)
    rows = list(generator.generate(["a dog", ""]).to_rows(["a dog", ""]))
    assert rows[1] == {"source": "", "prediction": "", "predictions": ["", ""]}
    assert rows[0].keys() == {"source", "prediction", "score", "predictions", "scores"}
    assert (rows[0]["prediction"], rows[0]["score"]) == (rows[0]["predictions"][0], rows[0]["scores"][0])


def test_texts_of_given_pairs_are_scored_with_their_marks(started):
    generator = build(started)
    ids = [started.tokenizers.source.convert_tokens_to_ids(["a", "dog"]), [5, 6]]
    expected = sum(compute_log_probabilities(started.model, [2, *ids[0], 3], [*ids[0], END]))
    assert generator.score(["a dog"], ["a dog"]) == pytest.approx([expected], abs=1e-4)
    # Both sides go through what the texts of the training went through.
    context = replace(generator.source.context, normalization=("join_sentences",))
    joining = replace(generator, source=TextSource(generator.source.options, context))
    texts = ["a dog <::::> a cat"]
    assert joining.score(texts, texts) == generator.score(["a dog a cat"], ["a dog a cat"])


@pytest.mark.parametrize(
    ("texts", "targets", "message"),
    [
        (["a"], ["a", "b"], "Expected a target for each text, found 1 texts, 2 targets"),
        (["a", ""], ["a", "b"], "Text 1 has no token"),
        (["a", "b"], ["a", "the cat sat on the mat and ran"], "Target 1 has more tokens than max_target_tokens, 8"),
        (["a"], [None], "Target 0: expected a string, found NoneType"),
    ],
)
def test_pairs_that_cannot_be_scored_are_refused(started, texts, targets, message):
    with pytest.raises(GenerationError, match=message):
        build(started).score(texts, targets)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampling": True}, "sampling: draws without beams; set num_beams to 1 .found 4."),
        ({"temperature": 0.5}, "temperature: is for sampling alone"),
        ({"top_k": 5}, "top_k: is for sampling alone"),
        ({"top_p": 0.5}, "top_p: is for sampling alone"),
        ({"num_outputs": 5}, "num_outputs: at most num_beams, which is 4"),
        ({"min_target_tokens": 128}, "min_target_tokens: must be less than max_target_tokens, which is 128"),
        ({"length_penalty_form": "wu"}, "length_penalty_form: "),
        ({"early_stopping": "soon"}, "early_stopping"),
        ({"encoder_no_repeat_ngram_size": -1}, "encoder_no_repeat_ngram_size: "),
        ({"encoder_repetition_penalty": 0.0}, "encoder_repetition_penalty: "),
        ({"repetition_penalty": 0.0}, "repetition_penalty: "),
    ],
)
def test_options_that_contradict_each_other_are_refused(options, message):
    with pytest.raises(GenerationError, match=message):
        build_options(GenerationOptions, options, GenerationError)
