"""Tiny random checkpoints of many model families, their files laid out as the family publishes them.

Knows nothing of the package under test. Any other model type of transformers is written too, with BERT's word pieces
and plain settings, to see it refused.
"""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from string import ascii_lowercase
from typing import Literal

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_MAPPING,
    PreTrainedConfig,
    PreTrainedModel,
)

from tests.conftest import WORDS

ENCODERS = (
    "bert", "roberta", "xlm-roberta", "camembert", "electra", "deberta", "deberta-v2", "distilbert", "albert", "mpnet",
    "modernbert", "eurobert", "longformer", "t5", "bert-generation",
)  # fmt: skip
DECODERS = ("bert", "bert-generation", "roberta", "xlm-roberta", "camembert", "electra", "gpt2", "rembert")
# The first five run, but not as they should; the others are decoders or hold one.
REFUSED_ENCODERS = ("fnet", "canine", "yoso", "convbert", "big_bird", "bart", "gpt2", "llama", "opt")
# The first three have broken cross-attention, the others none.
REFUSED_DECODERS = (
    "megatron-bert", "big_bird", "gpt_bigcode",
    "llama", "qwen2", "gemma", "mistral", "modernbert-decoder", "opt", "bloom", "gpt_neox",
    "deberta", "deberta-v2", "distilbert", "albert", "mpnet", "modernbert", "eurobert", "longformer", "t5",
)  # fmt: skip

POSITIONS = 64
# Every config takes of these what it has a field for, under transformers' common names. Weights ten times as large as
# published make outputs far from uniform.
SHAPE = {
    "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": POSITIONS, "initializer_range": 0.2,
    "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "dropout": 0.1, "attention_dropout": 0.1,
    "embedding_dropout": 0.1, "mlp_dropout": 0.1, "decoder_layers": 2,
}  # fmt: skip
# The same for widths, as shares of the hidden one: inner layers, T5's heads, tables narrower than the layers.
WIDTHS = {
    "hidden_size": 1.0, "intermediate_size": 2.0, "hidden_dim": 2.0, "n_inner": 2.0, "d_ff": 2.0, "ffn_dim": 2.0,
    "encoder_ffn_dim": 2.0, "decoder_ffn_dim": 2.0, "d_kv": 0.25, "word_embed_proj_dim": 1.0,
    "embedding_size": 0.5, "input_embedding_size": 0.5, "output_embedding_size": 0.75,
}  # fmt: skip
HEADS = (MODEL_FOR_MASKED_LM_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING, MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING)


@dataclass(frozen=True)
class Family:
    """What tells a family's files from BERT's.

    first, last: special tokens before and behind the vocabulary's pieces. frame: what a text is framed with.
    roles: the tokens whose ids config.json holds. settings: what else it holds, beyond or against `SHAPE`.
    tokenizer: tokenizer_config.json. A family with a tokenizer class of its own gets its special tokens' roles from it.
    spare_rows: how many more rows the embeddings have than the tokenizer has tokens.
    """

    pieces: Literal["words", "bytes", "unigram"]
    first: str
    last: str = ""
    frame: str = "$A"
    roles: dict[str, str] = field(default_factory=dict)
    settings: dict = field(default_factory=dict)
    tokenizer: dict = field(default_factory=dict)
    spare_rows: int = 0


CLS_FRAME, S_FRAME, EUROBERT_FRAME = "[CLS] $A [SEP]", "<s> $A </s>", "<|begin_of_text|> $A <|end_of_text|>"
BERT_TOKENS, ROBERTA_TOKENS = "[PAD] [UNK] [CLS] [SEP] [MASK]", "<s> <pad> </s> <unk>"
PAD, BEGIN_END = {"pad_token": "[PAD]"}, {"bos_token": "[CLS]", "eos_token": "[SEP]"}
CLS_ROLES = PAD | {"cls_token": "[CLS]", "sep_token": "[SEP]"}
S_ROLES = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
# The pad of EuroBERT is its end mark, as in its published config.
EUROBERT_ROLES = {
    "bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "pad_token": "<|end_of_text|>",
    "mask_token": "<|mask|>",
}  # fmt: skip
NO_CLASS = {"tokenizer_class": "PreTrainedTokenizerFast"}
BERT_TOKENIZER = NO_CLASS | CLS_ROLES | {"unk_token": "[UNK]", "mask_token": "[MASK]"}
# RoBERTa's positions begin behind the pad's row, 1: two rows of the table are never read.
ROBERTA = {"max_position_embeddings": POSITIONS + 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
DEBERTA = {
    "relative_attention": True, "position_biased_input": False, "pos_att_type": ["c2p", "p2c"],
    "max_relative_positions": -1, "type_vocab_size": 0, "layer_norm_eps": 1e-7,
}  # fmt: skip
DEBERTA_V3 = {"position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True}
SENTINELS = " ".join(f"<extra_id_{index}>" for index in reversed(range(100)))

FAMILIES = {
    "bert": Family("words", BERT_TOKENS, frame=CLS_FRAME, roles=PAD, tokenizer={"do_lower_case": True}),
    "electra": Family("words", BERT_TOKENS, frame=CLS_FRAME, roles=PAD),
    "distilbert": Family("words", BERT_TOKENS, frame=CLS_FRAME, roles=PAD),
    "mpnet": Family(
        "words", "<s> <pad> </s> <unk> [UNK]", "<mask>", S_FRAME, S_ROLES,
        settings={"max_position_embeddings": POSITIONS + 2, "layer_norm_eps": 1e-5},
    ),
    "roberta": Family("bytes", ROBERTA_TOKENS, "<mask>", S_FRAME, S_ROLES, ROBERTA),
    "longformer": Family(
        "bytes", ROBERTA_TOKENS, "<mask>", S_FRAME, S_ROLES | {"sep_token": "</s>"}, ROBERTA | {"attention_window": 8}
    ),
    "deberta": Family("bytes", "[PAD] [CLS] [SEP] [UNK]", "[MASK]", CLS_FRAME, PAD, DEBERTA),
    "gpt2": Family("bytes", "", "<|endoftext|>", roles={"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}),
    "modernbert": Family(
        "bytes", "|||IP_ADDRESS||| <|padding|>", "<|endoftext|> [UNK] [CLS] [SEP] [PAD] [MASK]", CLS_FRAME,
        CLS_ROLES | BEGIN_END, {"global_attn_every_n_layers": 2, "local_attention": 8}, BERT_TOKENIZER,
    ),
    "eurobert": Family(
        "bytes", "", "<|begin_of_text|> <|end_of_text|> <|mask|>", EUROBERT_FRAME, EUROBERT_ROLES,
        tokenizer=NO_CLASS | EUROBERT_ROLES,
    ),
    "xlm-roberta": Family("unigram", ROBERTA_TOKENS, "<mask>", S_FRAME, S_ROLES, ROBERTA),
    "albert": Family(
        "unigram", "<pad> <unk> [CLS] [SEP] [MASK]", frame=CLS_FRAME, roles={"pad_token": "<pad>"} | BEGIN_END
    ),
    "t5": Family(
        "unigram", "<pad> </s> <unk>", SENTINELS, "$A </s>",
        {"pad_token": "<pad>", "eos_token": "</s>", "decoder_start_token": "<pad>"}, {"n_positions": POSITIONS},
        spare_rows=28,
    ),
    "deberta-v2": Family(
        "unigram", "[PAD] [CLS] [SEP] [UNK]", "[MASK]", CLS_FRAME, PAD, DEBERTA | DEBERTA_V3, spare_rows=10
    ),
    # Published as a sentencepiece file alone, which the `tokenizers` library does not read; here it is converted.
    "bert-generation": Family(
        "unigram", "<pad> </s> <s> <unk>", "<::::>", roles=S_ROLES,
        tokenizer=NO_CLASS | S_ROLES | {"unk_token": "<unk>", "sep_token": "<::::>"},
    ),
    "rembert": Family(
        "unigram", "<pad> </s> <unk> <s> [CLS] [SEP] [MASK]", frame=CLS_FRAME,
        roles={"pad_token": "<pad>"} | BEGIN_END,
    ),
    "camembert": Family(
        "unigram", "<s>NOTUSED <pad> </s>NOTUSED <unk> <unk>NOTUSED <s> </s>", "<mask>", S_FRAME, S_ROLES, ROBERTA
    ),
}  # fmt: skip
OTHER = Family("words", BERT_TOKENS, frame=CLS_FRAME, roles=PAD | BEGIN_END, tokenizer=BERT_TOKENIZER)


def save_family(folder: Path, family: str, *, width: int = 32, head: bool = False, seed: int = 0, **changes) -> Path:
    """Writes config, weights and tokenizer: the body alone, or with the head that the family was trained with.

    `family` is a model type of transformers; `changes` go into the config.
    """
    known_family = FAMILIES.get(family, OTHER)
    # Every vocabulary has a size of its own, so that no family's ids or tables pass for another's.
    tokenizer = build_tokenizer(known_family, spare_tokens=list(FAMILIES).index(family) if family in FAMILIES else 0)
    torch.manual_seed(seed)
    build_model(build_config(family, tokenizer, width, changes), head).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"model_max_length": POSITIONS} | known_family.tokenizer
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")
    return folder


def build_config(family: str, tokenizer: Tokenizer, width: int, changes: dict) -> PreTrainedConfig:
    """A family's config; `changes` under transformers' common names or the family's own."""
    known_family, config_class = FAMILIES.get(family, OTHER), CONFIG_MAPPING[family]
    own_names, known = config_class.attribute_map, {entry.name for entry in fields(config_class)}
    plain = SHAPE | {name: round(share * width) for name, share in WIDTHS.items()}
    settings = {name: value for name, value in plain.items() if own_names.get(name, name) in known}
    settings["vocab_size"] = tokenizer.get_vocab_size() + known_family.spare_rows
    settings |= {f"{role}_id": tokenizer.token_to_id(token) for role, token in known_family.roles.items()}
    settings |= known_family.settings | changes
    return config_class(**{own_names.get(name, name): value for name, value in settings.items()})


def build_model(config: PreTrainedConfig, head: bool) -> PreTrainedModel:
    classes = next(classes for classes in HEADS if type(config) in classes) if head else MODEL_MAPPING
    return classes[type(config)](config)


def build_tokenizer(family: Family, *, spare_tokens: int) -> Tokenizer:
    """Special tokens, words and letters, then tokens that stand in no text."""
    first, last = family.first.split(), family.last.split()
    spare = [f"[unused{index}]" for index in range(spare_tokens)]
    build = {"words": build_word_pieces, "bytes": build_byte_pairs, "unigram": build_unigram}[family.pieces]
    tokenizer = build(first, [*spare, *last])
    tokenizer.add_special_tokens([*first, *last])
    marks = [(mark, tokenizer.token_to_id(mark)) for mark in family.frame.split() if mark != "$A"]
    tokenizer.post_processor = processors.TemplateProcessing(single=family.frame, special_tokens=marks)
    return tokenizer


def build_word_pieces(first: list[str], last: list[str]) -> Tokenizer:
    letters = [*ascii_lowercase, *(f"##{letter}" for letter in ascii_lowercase)]
    pieces = [*first, *dict.fromkeys([*WORDS.split(), *letters]), *last]
    tokenizer = Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(pieces)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    return tokenizer


def build_byte_pairs(first: list[str], last: list[str]) -> Tokenizer:
    """Every byte, and each word with the space before it ("Ġcat"), merged from the left."""
    words = [f"Ġ{word}" for word in WORDS.split() if not word.startswith("##")]
    merges = list(dict.fromkeys((word[:end], word[end]) for word in words for end in range(1, len(word))))
    pieces = [*first, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(left + right for left, right in merges), *last]
    tokenizer = Tokenizer(models.BPE({piece: index for index, piece in enumerate(pieces)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def build_unigram(first: list[str], last: list[str]) -> Tokenizer:
    """Words ("▁cat") likelier than their letters."""
    words = [word.removeprefix("##") if word.startswith("##") else f"▁{word}" for word in WORDS.split()]
    scores = dict.fromkeys(first, 0.0) | dict.fromkeys(words, -2.0)
    scores |= dict.fromkeys(["▁", *ascii_lowercase, ".", ",", "'"], -4.0) | dict.fromkeys(last, -20.0)
    unknown = next(index for index, piece in enumerate(first) if piece in ("<unk>", "[UNK]"))
    tokenizer = Tokenizer(models.Unigram(list(scores.items()), unk_id=unknown))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer
