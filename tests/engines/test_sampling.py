"""Sampling: distributed as the model says, and the same for a text at its place whatever stands beside it."""

import pytest
import torch

from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.sampling import draw_uniform
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import shake

SOURCES = [[2, 6, 7, 8, 3], [2, 9, 3], [2, 10, 11, 12, 13, 14, 15, 3]]


@pytest.fixture
def model(started):
    shake(started.model, 0.2)
    return started.model


def draw(model, sources=SOURCES, places=None, **options) -> list[list[list[int]]]:
    chosen = GenerationOptions(**({"sampling": True, "num_beams": 1, "max_target_tokens": 6} | options))
    return [
        [h.ids for h in hypotheses] for hypotheses in TransformersEngine(model).generate(sources, chosen, places=places)
    ]


def compute_first(model) -> torch.Tensor:
    """Logits of the first token of the first source."""
    with torch.no_grad():
        return model(input_ids=torch.tensor(SOURCES[:1]), decoder_input_ids=torch.tensor([[2]])).logits[0, -1]


def measure_first(model, draws=16000, **options) -> torch.Tensor:
    """Shares of the first token among many draws; an output that ends at once, or writes a pad, counts as none."""
    [outputs] = draw(model, SOURCES[:1], num_outputs=draws, max_target_tokens=1, **options)
    counts = torch.zeros(model.config.decoder.vocab_size)
    for ids in outputs:
        if ids:
            counts[ids[0]] += 1
    return counts / draws


def check_shares(shares: torch.Tensor, expected: torch.Tensor) -> None:
    """Total variation of 16,000 draws of 85 tokens: 0.03 in the mean at most, and 0.1 for the laws told apart here."""
    expected = expected.clone()
    expected[[0, 3]] = 0.0  # pad and end mark are no token of an output
    assert (shares - expected).abs().sum() / 2 < 0.04


def test_tokens_are_drawn_by_their_probabilities(model):
    logits = compute_first(model)
    assert torch.softmax(logits, dim=-1).max() < 0.9
    check_shares(measure_first(model), torch.softmax(logits, dim=-1))


def test_temperature_divides_the_logits(model):
    logits = compute_first(model)
    expected = torch.softmax(logits / 2.0, dim=-1)
    assert (expected - torch.softmax(logits, dim=-1)).abs().sum() / 2 > 0.1
    check_shares(measure_first(model, temperature=2.0), expected)


def test_top_k_draws_among_the_likeliest(model):
    logits = compute_first(model)
    kept = logits.topk(3).indices
    expected = torch.zeros_like(logits)
    expected[kept] = torch.softmax(logits[kept], dim=-1)
    check_shares(measure_first(model, top_k=3), expected)


def test_top_p_draws_among_the_fewest_of_that_probability(model):
    logits = compute_first(model)
    probabilities, order = torch.softmax(logits, dim=-1).sort(descending=True)
    count = int((probabilities.cumsum(0) < 0.7).sum()) + 1
    expected = torch.zeros_like(logits)
    expected[order[:count]] = probabilities[:count] / probabilities[:count].sum()
    check_shares(measure_first(model, top_p=0.7), expected)


def test_draws_do_not_depend_on_batches_and_neighbours(model):
    whole = draw(model, num_outputs=3)
    assert draw(model, num_outputs=3, batch_tokens=1) == whole
    assert draw(model, SOURCES[1:2], places=[1], num_outputs=3) == whole[1:2]
    assert draw(model, num_outputs=2) == [outputs[:2] for outputs in whole]


def test_draws_differ_by_place_and_seed(model):
    same = [SOURCES[0]] * 4
    assert len({str(outputs) for outputs in draw(model, same)}) > 1
    assert draw(model, seed=1) == draw(model, seed=1) != draw(model, seed=2)


def test_one_likeliest_token_is_the_greedy_output(model):
    greedy = TransformersEngine(model).generate(SOURCES, GenerationOptions(num_beams=1, max_target_tokens=6))
    assert draw(model, top_k=1) == [[h.ids for h in hypotheses] for hypotheses in greedy]


def test_search_is_no_draw_though_the_checkpoint_says_so(model):
    model.generation_config.update(do_sample=True, temperature=5.0)
    search = GenerationOptions(num_beams=1, max_target_tokens=6)
    drawn, again = (TransformersEngine(model).generate(SOURCES, search) for _ in range(2))
    model.generation_config.update(do_sample=False, temperature=None)
    assert drawn == again == TransformersEngine(model).generate(SOURCES, search)


def test_sampling_leaves_torchs_random_state_alone(model):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    draw(model)
    assert torch.rand(1) == expected


# The numbers.


def mix(number: int) -> int:
    """SplitMix64's finalizer, with Python's whole numbers."""
    number = ((number ^ number >> 30) * 0xBF58476D1CE4E5B9) % 2**64
    number = ((number ^ number >> 27) * 0x94D049BB133111EB) % 2**64
    return number ^ number >> 31


def list_splitmix(start: int, count: int) -> list[int]:
    return [mix((start + number * 0x9E3779B97F4A7C15) % 2**64) for number in range(1, count + 1)]


def test_numbers_are_those_of_splitmix64():
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    assert list_splitmix(1234567, 4) == known  # Rosetta Code, "Pseudo-random numbers/Splitmix64"
    keys = [5, 2**63 - 1, 1234567]
    drawn = draw_uniform(torch.tensor(keys)[:, None], 7, 4)
    for row, key in zip(drawn, keys, strict=True):
        start = mix((key + 7 * 0x9E3779B97F4A7C15) % 2**64)
        expected = [((number >> 33) + 0.5) / 2**31 for number in list_splitmix(start, 4)]
        assert row.tolist() == pytest.approx(expected, rel=1e-6)


def test_numbers_are_even_and_alike_in_nothing():
    keys = torch.arange(40)[:, None]
    steps = torch.stack([draw_uniform(keys, step, 5000) for step in range(5)])  # (5, 40, 5000)
    counts = torch.histc(steps, bins=100, min=0, max=1)
    # Chi-square of 99 degrees of freedom: mean 99, deviation 14.
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 99 + 4 * 14
    assert steps.min() > 0
    rows = steps.flatten(0, 1)
    correlation = torch.corrcoef(rows).fill_diagonal_(0)  # of steps and of keys
    assert correlation.abs().max() < 5.5 / 5000**0.5
    shifted = torch.corrcoef(torch.stack([rows[:, 1:].flatten(), rows[:, :-1].flatten()]))[0, 1]
    assert shifted.abs() < 4 / rows.numel() ** 0.5
