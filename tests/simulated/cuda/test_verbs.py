"""Every verb on a simulated CUDA device: what it writes on the CPU, bit for bit."""

import json
from copy import deepcopy

import pytest
import torch

import seq2seq
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines import sampling
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import build_description, shake
from tests.families import DECODERS, ENCODERS
from tests.published import FAMILIES as PUBLISHED
from tests.simulated.cuda.device import on_the_cpu
from tests.test_pairs import ACROSS
from tests.training.runs import write_pairs, write_recipe

DEVICE = torch.device("cuda")
SOURCES = [[5, 6, 7, 8, 9], [6, 7, 8], [7, 8, 5, 6, 9]]
LABELS = [[6, 7, 3], [8, 3], [9, 5, 6, 3]]
TEXTS = ["the cat sat on the mat.", "a dog, and a bird!", "fish swim"]
SEARCHES = {
    "greedy": {"num_beams": 1},
    "beams": {"num_beams": 3},
    "beams that end early": {
        "num_beams": 3,
        "no_repeat_ngram_size": 2,
        "repetition_penalty": 1.3,
        "early_stopping": True,
    },
    "nucleus": {"num_beams": 1, "sampling": True, "top_p": 0.9},
    "several samples": {"num_beams": 1, "sampling": True, "top_k": 5, "num_outputs": 2},
    "bf16": {"num_beams": 2, "precision": "bf16"},
    "fp16": {"num_beams": 2, "precision": "fp16"},
}


def check_search(model, **options):
    """Ids and scores of the device are those of the CPU."""
    chosen = GenerationOptions(max_target_tokens=10, **options)
    here = TransformersEngine(model)
    there = TransformersEngine(deepcopy(model).to(DEVICE))
    assert there.generate(SOURCES, chosen) == here.generate(SOURCES, chosen)
    assert there.score(SOURCES, LABELS) == here.score(SOURCES, LABELS)


@pytest.mark.parametrize("search", SEARCHES)
def test_search(start_pair, search):
    check_search(start_pair(), **SEARCHES[search])


@pytest.mark.parametrize("search", ["greedy", "beams"])
@pytest.mark.parametrize("family", ENCODERS)
def test_search_of_encoder(start_pair, family, search):
    check_search(start_pair(encoder=family), **SEARCHES[search])


@pytest.mark.parametrize("search", ["greedy", "beams"])
@pytest.mark.parametrize("family", DECODERS)
def test_search_of_decoder(start_pair, family, search):
    check_search(start_pair(decoder=family), **SEARCHES[search])


@pytest.mark.parametrize("search", ["greedy", "beams"])
@pytest.mark.parametrize("pair", ACROSS, ids=str)
def test_search_across_families(start_pair, pair, search):
    check_search(start_pair(*pair), **SEARCHES[search])


@pytest.mark.parametrize("search", ["greedy", "beams", "nucleus", "bf16"])
@pytest.mark.parametrize("family", [*PUBLISHED, "pegasus", "t5gemma"])
def test_search_of_published(start_published, family, search):
    check_search(start_published(family), **SEARCHES[search])


@pytest.fixture
def checkpoint(started, tmp_path):
    shake(started.model, 0.3)
    folder = tmp_path / "checkpoint"
    write_checkpoint(folder, started.model, started.tokenizers, build_description(started, max_target_tokens=12))
    return folder


@pytest.fixture
def data(tmp_path):
    return write_pairs(tmp_path / "data.jsonl", 12)


def read(folder) -> dict[str, bytes]:
    """The files of a folder that hold weights, tensors or texts."""
    paths = [path for path in folder.rglob("*") if path.suffix in (".safetensors", ".jsonl", ".bin")]
    assert paths
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def generate(checkpoint, data, output):
    return [seq2seq.generate(checkpoint, TEXTS, **SEARCHES[search]) for search in ("greedy", "beams", "nucleus")]


def generate_file(checkpoint, data, output):
    output.mkdir()
    seq2seq.generate_file(checkpoint, data, output / "written.jsonl", num_beams=2, scores=True)
    return read(output)


def evaluate(checkpoint, data, output):
    return seq2seq.evaluate(checkpoint, [data], output=output, metrics=["chrf", "bleu"]), read(output)


def analyze_heads(checkpoint, data, output):
    return seq2seq.analyze_heads(checkpoint, [data], output=output)


def analyze_attention(checkpoint, data, output):
    return seq2seq.analyze_attention(checkpoint, TEXTS, output=output, pictures=False), read(output)


def prune_heads(checkpoint, data, output):
    return seq2seq.prune(checkpoint, [data], output=output, keep=0.5, per_round=0.25, metrics=["chrf"]), read(output)


def prune_layers(checkpoint, data, output):
    return seq2seq.prune(checkpoint, [data], output=output, decoder_layers=1), read(output)


def export_to_transformers(checkpoint, data, output):
    seq2seq.export(checkpoint, output=output, format="transformers")
    return read(output)


def export_to_ctranslate2(checkpoint, data, output):
    seq2seq.export(checkpoint, output=output, format="ctranslate2")
    return seq2seq.generate(output, TEXTS, num_beams=2), read(output)


VERBS = [
    generate, generate_file, evaluate, analyze_heads, analyze_attention, prune_heads, prune_layers,
    export_to_transformers, export_to_ctranslate2,
]  # fmt: skip
COMPUTING = [generate, generate_file, evaluate, analyze_heads, analyze_attention, prune_heads]
by_verb = pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.__name__)
by_computing_verb = pytest.mark.parametrize("verb", COMPUTING, ids=lambda verb: verb.__name__)


def format_result(value, output):
    """All that a verb gives and writes, but for where."""
    return json.dumps(value, default=repr, sort_keys=True).replace(str(output), "OUTPUT")


@by_verb
def test_verb(checkpoint, data, tmp_path, verb):
    there = verb(checkpoint, data, tmp_path / "there")
    with on_the_cpu():
        here = verb(checkpoint, data, tmp_path / "here")
    assert format_result(there, tmp_path / "there") == format_result(here, tmp_path / "here")


@by_computing_verb
def test_verb_moves_its_model_to_the_device(checkpoint, data, tmp_path, monkeypatch, verb):
    seen = set()

    def call(self, *inputs, call=torch.nn.Linear.forward):
        seen.add(self.weight.device.type)
        return call(self, *inputs)

    monkeypatch.setattr(torch.nn.Linear, "forward", call)
    verb(checkpoint, data, tmp_path / "output")
    assert seen == {"cuda"}


def test_noise_of_the_cpu_for_samples_of_the_device_fails(started, monkeypatch):
    def draw(keys, *sizes, draw=sampling.draw_uniform):
        return draw(keys.cpu(), *sizes)

    monkeypatch.setattr(sampling, "draw_uniform", draw)
    engine = TransformersEngine(started.model.to(DEVICE))
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        engine.generate(SOURCES, GenerationOptions(max_target_tokens=4, **SEARCHES["nucleus"]))


def test_inspect_times_the_device(tiny_bert, tmp_path):
    inspection = seq2seq.inspect(write_recipe(tmp_path, tiny_bert))
    assert inspection.time.device == "Simulated"
    assert inspection.time.updates > 0
