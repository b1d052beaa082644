"""Tiny random encoder-decoders in the files of their families' publications, tokenizers trained on made-up sentences.

Knows nothing of the package under test.
"""

import json
from pathlib import Path
from random import Random

import sentencepiece
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    MarianConfig,
    MBartConfig,
    PegasusConfig,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    T5Config,
    T5GemmaConfig,
    T5GemmaModuleConfig,
)

from tests.families import build_byte_pairs

ENGLISH = "the a big small red cat dog bird fish sat ran flew swam over on mat road tree sea and but 12".split()
GERMAN = "die der große kleine rote Katze Möwe Straße Übung saß lief flog über auf Matte Brücke Bäume und 12".split()
POSITIONS = 64
MBART_LIKE = {
    "d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": POSITIONS, "init_std": 0.3,
}  # fmt: skip
T5 = {
    "d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0,
    "initializer_factor": 1.0,
}  # fmt: skip
T5GEMMA_ENDS = [1, 5]  # <eos>, and the <end_of_turn> of those that follow instructions
T5GEMMA_SIDE = {
    "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": POSITIONS, "initializer_range": 0.5,
    "sliding_window": 16, "query_pre_attn_scalar": 8,
}  # fmt: skip
FAMILIES = ("bart", "mbart", "mbart50", "t5", "marian")


def draw_sentences(words: list[str], count: int, seed: int = 0) -> list[str]:
    draw = Random(seed)
    return [" ".join(draw.choices(words, k=draw.randint(2, 7))) + draw.choice([".", ""]) for _ in range(count)]


def train_sentencepiece(path: Path, sentences: list[str], size: int = 120, **settings) -> list[str]:
    """Writes a SentencePiece unigram model; returns its pieces."""
    with path.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences), model_writer=file, vocab_size=size, hard_vocab_limit=False,
            minloglevel=2, num_threads=1, **settings,
        )  # fmt: skip
    model = sentencepiece.SentencePieceProcessor()
    model.Load(str(path))
    return [model.id_to_piece(index) for index in range(model.get_piece_size())]


def save_published(folder: Path, family: str, *, seed: int = 0, **generation) -> Path:
    """Writes config, weights, generation config and tokenizer; `generation` goes into generation_config.json."""
    write_tokenizer, build_config = {
        "bart": (write_bart_tokenizer, build_bart_config),
        "mbart": (write_mbart_tokenizer, build_mbart_config),
        "mbart50": (write_mbart50_tokenizer, build_mbart50_config),
        "t5": (write_t5_tokenizer, build_t5_config),
        "marian": (write_marian_tokenizer, build_marian_config),
        "pegasus": (write_pegasus_tokenizer, build_pegasus_config),
        "t5gemma": (write_t5gemma_tokenizer, build_t5gemma_config),
    }[family]
    write_tokenizer(folder)
    config = build_config(folder)
    torch.manual_seed(seed)
    model = AutoModelForSeq2SeqLM.from_config(config)
    if hasattr(model, "final_logits_bias"):  # zero but in Marian's
        model.final_logits_bias.normal_().mul_(family == "marian")
    own = {"num_beams": 4, "max_length": 30, "early_stopping": True}
    if family == "bart":
        own |= {"forced_bos_token_id": 0, "no_repeat_ngram_size": 3}
    if family == "mbart50":  # as of the one that translates into German alone
        own |= {"forced_bos_token_id": AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("de_DE")}
    if family == "marian":
        own |= {"bad_words_ids": [[config.pad_token_id]]}
    if family == "pegasus":
        own |= {"length_penalty": 0.8, "forced_eos_token_id": 1}
    if family == "t5gemma":  # its decoder begins with the bos, for want of another mark
        own |= {"bos_token_id": 2, "eos_token_id": T5GEMMA_ENDS, "pad_token_id": 0, "cache_implementation": "hybrid"}
    model.generation_config.update(**(own | generation))
    model.save_pretrained(folder)
    return folder


def write_bart_tokenizer(folder: Path) -> None:
    """Byte pairs as vocab.json and merges.txt, marks first."""
    build_byte_pairs("<s> <pad> </s> <unk>".split(), ["<mask>"]).model.save(str(folder))
    write_settings(folder, model_max_length=POSITIONS)


def build_bart_config(folder: Path) -> PreTrainedConfig:
    rows = len(json.loads((folder / "vocab.json").read_text(encoding="utf-8")))
    return BartConfig(vocab_size=rows, scale_embedding=False, **MBART_LIKE)


def write_mbart_tokenizer(folder: Path) -> None:
    sentences = draw_sentences(ENGLISH, 200) + draw_sentences(GERMAN, 200)
    train_sentencepiece(folder / "sentencepiece.bpe.model", sentences)
    write_settings(folder, model_max_length=POSITIONS)


def build_mbart_config(folder: Path) -> PreTrainedConfig:
    """Of one that translates into German alone, whose code its decoder begins with."""
    tokenizer = AutoTokenizer.from_pretrained(write_bare_config(folder, "mbart"))
    german = tokenizer.convert_tokens_to_ids("de_DE")
    return MBartConfig(vocab_size=len(tokenizer), decoder_start_token_id=german, scale_embedding=True, **MBART_LIKE)


def write_mbart50_tokenizer(folder: Path) -> None:
    write_mbart_tokenizer(folder)
    write_settings(folder, tokenizer_class="MBart50Tokenizer", model_max_length=POSITIONS)


def build_mbart50_config(folder: Path) -> PreTrainedConfig:
    tokenizer = AutoTokenizer.from_pretrained(write_bare_config(folder, "mbart"))
    return MBartConfig(vocab_size=len(tokenizer), decoder_start_token_id=2, scale_embedding=True, **MBART_LIKE)


def write_t5_tokenizer(folder: Path) -> None:
    """Marks first, 100 sentinels last, which the file of pieces does not hold."""
    marks = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    train_sentencepiece(folder / "spiece.model", draw_sentences(ENGLISH, 200), **marks)


def build_t5_config(folder: Path) -> PreTrainedConfig:
    """With more rows than tokens, as in every published T5."""
    rows = len(AutoTokenizer.from_pretrained(write_bare_config(folder, "t5"))) + 28
    return T5Config(vocab_size=rows, **T5)


def write_marian_tokenizer(folder: Path) -> None:
    """Two models and one vocabulary of both, the pad last."""
    marks = {"bos_id": -1, "eos_id": 0, "unk_id": 1}
    source = train_sentencepiece(folder / "source.spm", draw_sentences(ENGLISH, 200), **marks)
    target = train_sentencepiece(folder / "target.spm", draw_sentences(GERMAN, 200), **marks)
    tokens = [*dict.fromkeys([*source, *target]), "<pad>"]
    (folder / "vocab.json").write_text(json.dumps({token: index for index, token in enumerate(tokens)}))
    write_settings(folder, source_lang="eng", target_lang="deu", model_max_length=POSITIONS)


def build_marian_config(folder: Path) -> PreTrainedConfig:
    pad = len(json.loads((folder / "vocab.json").read_text())) - 1
    return MarianConfig(
        vocab_size=pad + 1, pad_token_id=pad, decoder_start_token_id=pad, eos_token_id=0, scale_embedding=True,
        activation_function="swish", static_position_embeddings=True, **MBART_LIKE,
    )  # fmt: skip


def write_pegasus_tokenizer(folder: Path) -> None:
    marks = {"pad_id": 0, "eos_id": 1, "unk_id": 2, "bos_id": -1}
    train_sentencepiece(folder / "spiece.model", draw_sentences(ENGLISH, 200), **marks)
    write_settings(folder, tokenizer_class="PegasusTokenizer", model_max_length=POSITIONS)


def build_pegasus_config(folder: Path) -> PreTrainedConfig:
    """Pegasus has sinusoids for positions, and begins with the pad."""
    rows = len(AutoTokenizer.from_pretrained(write_bare_config(folder, "pegasus")))
    return PegasusConfig(
        vocab_size=rows, pad_token_id=0, eos_token_id=1, decoder_start_token_id=0, scale_embedding=True, **MBART_LIKE
    )  # fmt: skip


def write_t5gemma_tokenizer(folder: Path) -> None:
    """Byte pairs over words with a mark for the space, as Gemma's; it puts a <bos> in front of texts, and no end."""
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split("▁", "merged_with_next")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse()])
    trainer = trainers.BpeTrainer(vocab_size=120, special_tokens=marks, show_progress=False)
    tokenizer.train_from_iterator(draw_sentences(ENGLISH, 200), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 2)])
    roles = {"bos_token": "<bos>", "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"}
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, padding_side="right", model_max_length=POSITIONS, **roles
    )  # fmt: skip
    fast.save_pretrained(folder)


def build_t5gemma_config(folder: Path) -> PreTrainedConfig:
    rows = PreTrainedTokenizerFast.from_pretrained(folder).vocab_size
    marks = {"vocab_size": rows, "bos_token_id": 2, "eos_token_id": T5GEMMA_ENDS, "pad_token_id": 0}
    sides = [T5GemmaModuleConfig(**T5GEMMA_SIDE, **marks) for _ in range(2)]
    return T5GemmaConfig(encoder=sides[0], decoder=sides[1], **marks)


def write_settings(folder: Path, **settings) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n")


def write_bare_config(folder: Path, model_type: str) -> Path:
    """What AutoTokenizer needs to know a family before its config is written."""
    (folder / "config.json").write_text(json.dumps({"model_type": model_type}))
    return folder
