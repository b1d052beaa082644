"""How large a batch is that half of a GPU's memory holds: by hand, against what a search holds, and as it is used."""

from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

import seq2seq
from seq2seq.engines import memory, transformers
from seq2seq.engines.batching import Share
from seq2seq.engines.beam_cache import BeamCache
from seq2seq.engines.memory import choose_batch_tokens, count_token_bytes, fit_batch_tokens, measure_free_bytes
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.families import DECODERS, save_family
from tests.published import save_published

GPU = torch.device("cuda", 0)
SOURCES = [[5, 6, 7, 8, 9], [6, 7, 8], [7, 8, 5, 6, 9], [8, 9]]


class Watched(BeamCache):
    """Remembers every cache that is made."""

    made: ClassVar[list] = []

    def __init__(self):
        super().__init__()
        self.made.append(self)

    def count_bytes(self):
        tensors = []
        for layer in self.self_attention_cache.layers:
            tensors += layer.buffers + layer.spares
        for layer in self.cross_attention_cache.layers:
            tensors += [layer.keys, layer.values]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def test_bytes_of_a_position_by_hand(started):
    model = started.model  # two layers a side, 32 wide
    options = GenerationOptions(max_target_tokens=9)
    # Of the target keys and values of 2 layers, twice: 2 x 2 x 64 numbers; of the source 2 x 64, and 17 states of 32.
    # That is 672, which is more; and of ten positions a row's logits, four times.
    expected = 4 * 672 + 4 * 4 * model.target_rows / 10
    assert count_token_bytes(model, options) == pytest.approx(expected)
    half = options.model_copy(update={"precision": "bf16"})
    assert count_token_bytes(model, half) == pytest.approx(2 * 672 + 4 * 4 * model.target_rows / 10)
    # Half of a megabyte.
    assert fit_batch_tokens(10**6, model, options) == int(500_000 / expected)
    assert fit_batch_tokens(1, model, options) == 1
    assert fit_batch_tokens(10**15, model, options) == 2**20


def check_cache(model, monkeypatch):
    """Whether what a search holds in its caches stays below what its batch was reckoned to take."""
    monkeypatch.setattr(transformers, "BeamCache", Watched)
    Watched.made.clear()
    options = GenerationOptions(num_beams=3, max_target_tokens=16, min_target_tokens=14)
    TransformersEngine(model.eval()).generate(SOURCES, options)
    (cache,) = Watched.made
    held = cache.count_bytes()
    reckoned = len(SOURCES) * 3 * (5 + 16) * count_token_bytes(model, options)
    assert 0 < held <= reckoned


@pytest.mark.parametrize("decoder", DECODERS)
def test_caches_of_a_pair_stay_below_what_is_reckoned(tiny_bert, tmp_path, monkeypatch, decoder):
    family = str(save_family(tmp_path / decoder, decoder))
    check_cache(
        seq2seq.warm_start(plan="pair", encoder=str(tiny_bert), decoder=family, convert=False).model, monkeypatch
    )


@pytest.mark.parametrize("family", ["bart", "t5", "marian"])
def test_caches_of_a_published_model_stay_below_what_is_reckoned(tmp_path, monkeypatch, family):
    folder = str(save_published(tmp_path, family))
    check_cache(seq2seq.warm_start(plan="pretrained", checkpoint=folder).model, monkeypatch)


def describe(device):
    """As much of a model as is asked for before it is looked into."""
    return SimpleNamespace(device=torch.device(device))


def test_batches_are_as_before_on_a_processor_and_where_they_are_said():
    assert choose_batch_tokens(describe("cpu"), GenerationOptions()) == 16384
    assert choose_batch_tokens(describe(GPU), GenerationOptions(batch_tokens=7)) == 7


def test_batches_on_a_gpu_are_by_its_free_memory(started, monkeypatch):
    monkeypatch.setattr(memory, "measure_free_bytes", lambda device: 10**6)
    monkeypatch.setattr(type(started.model), "device", GPU)
    options = GenerationOptions(max_target_tokens=9)
    assert choose_batch_tokens(started.model, options) == fit_batch_tokens(10**6, started.model, options)


def test_model_whose_attention_is_not_known_has_the_batches_of_a_processor(started, monkeypatch):
    def refuse(model):
        raise ValueError("where it keeps its attention is not known")

    monkeypatch.setattr(memory, "measure_free_bytes", lambda device: 10**6)
    monkeypatch.setattr(memory, "list_sites", refuse)
    monkeypatch.setattr(type(started.model), "device", GPU)
    assert choose_batch_tokens(started.model, GenerationOptions()) == 16384


def test_free_memory_counts_what_torch_holds_and_does_not_use(monkeypatch):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 1000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: 50)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda device: 20)
    assert measure_free_bytes(GPU) == 130


def test_engine_writes_batches_as_large_as_the_least_process_can(started, monkeypatch):
    class OneOfTwo(Share):
        def agree(self, most):
            return min(most, 2 * (5 + 10))  # what the other process says

    seen = []

    def generate(model, source, sources, options, prefix, places, batch, generate=transformers._generate_batch):
        seen.append((len(batch), options.batch_tokens))
        return generate(model, source, sources, options, prefix, places, batch)

    monkeypatch.setattr(transformers, "_generate_batch", generate)
    options = GenerationOptions(num_beams=1, max_target_tokens=10)
    whole = TransformersEngine(started.model).generate(SOURCES, options)
    assert seen == [(4, 16384)]
    seen.clear()
    assert TransformersEngine(started.model, share=OneOfTwo()).generate(SOURCES, options) == whole
    assert sorted(seen) == [(2, 30), (2, 30)]
