"""Our cache of keys and values against transformers' own, through every step of a made-up search."""

import pytest
import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from seq2seq.engines import beam_cache
from seq2seq.engines.beam_cache import BeamCache

ROWS, HEADS, WIDTH, LAYERS = 6, 2, 4, 2  # two sources of three beams


def draw(*shape: int) -> torch.Tensor:
    return torch.randn(ROWS, HEADS, *shape)


@pytest.mark.parametrize("prompt", [1, 3, 9])
@pytest.mark.parametrize("room", [1, 4, 16])
def test_every_step_gives_what_transformers_own_cache_gives(monkeypatch, prompt, room):
    monkeypatch.setattr(beam_cache, "ROOM", room)
    torch.manual_seed(0)
    ours, theirs = BeamCache(), EncoderDecoderCache(DynamicCache(), DynamicCache())
    for step in range(10):
        for layer in range(LAYERS):
            new = [draw(prompt if step == 0 else 1, WIDTH) for _ in range(2)]
            states = ours.self_attention_cache.update(*new, layer)
            expected = theirs.self_attention_cache.update(*new, layer)
            assert all(map(torch.equal, states, expected))
        assert ours.get_seq_length() == theirs.get_seq_length() == prompt + step
        beams = torch.cat([torch.randint(0, 3, (3,)), torch.randint(3, 6, (3,))])
        ours.reorder_cache(beams)
        theirs.reorder_cache(beams)
    for mine, other in zip(ours.self_attention_cache.layers, theirs.self_attention_cache.layers, strict=True):
        assert torch.equal(mine.keys, other.keys) and torch.equal(mine.values, other.values)


def test_source_is_the_same_for_all_its_beams_and_stays_where_it_is():
    source = draw(5, WIDTH)[[0, 0, 0, 3, 3, 3]]
    cache = BeamCache()
    kept, _ = cache.cross_attention_cache.update(source, source, 0)
    cache.reorder_cache(torch.tensor([2, 0, 0, 5, 5, 4]))
    layer = cache.cross_attention_cache.layers[0]
    assert layer.keys.data_ptr() == kept.data_ptr()
    assert torch.equal(layer.keys, source[[2, 0, 0, 5, 5, 4]])


def test_cache_without_a_position_is_reordered_to_nothing():
    cache = BeamCache()
    cache.reorder_cache(torch.tensor([0]))
    assert cache.get_seq_length() == 0
