"""Tokenizers of ten families with added tokens, as transformers publishes them, and texts to try them on."""

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AddedToken, AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from seq2seq.text.tokenizer_training import train_tokenizer
from seq2seq.text.tokenizers import encode_texts
from tests.conftest import WORDS, build_word_piece_tokenizer
from tests.published import (
    ENGLISH,
    draw_sentences,
    train_sentencepiece,
    write_bare_config,
    write_bart_tokenizer,
    write_marian_tokenizer,
    write_mbart50_tokenizer,
    write_mbart_tokenizer,
    write_settings,
    write_t5_tokenizer,
)
from tests.text.test_tokenizers import build_byte_level_tokenizer

TEXTS = [
    "the <hl> cat <hl> sat.", "<hl>the cat<hl>", "<hl>", "the<hl>cat <new> dog", "<hl> <hl> <new> the", "the <HL> cat",
    "big <new>, <hl>. red", "the cat", "", "<new>", "<hl", "x<hl><new><hl>y", "<hl> , the",
]  # fmt: skip
MARKS = ["the <s> cat </s> <pad> <unk> <mask>", "[SEP] cat [CLS][PAD] [UNK] [MASK]", "<extra_id_0> cat de_DE<hl>en_XX"]


def write_bert(folder: Path) -> None:
    build_word_piece_tokenizer(WORDS.split()).save_pretrained(folder)


def write_byte_level(folder: Path) -> None:
    build_byte_level_tokenizer().save_pretrained(folder)


def write_word_level(folder: Path) -> None:
    """Whole words, and no decoder."""
    words = ["[UNK]", "[PAD]", *ENGLISH, *"<>,.hl"]
    backend = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="[UNK]", pad_token="[PAD]").save_pretrained(folder)


def write_byte_pairs(folder: Path) -> None:
    """sentencepiece's BPE with a decoder of several steps, as Llama's."""
    ours = train_tokenizer(draw_sentences(ENGLISH, 200), kind="bpe", size=330)
    roles = ours.special_tokens_map
    PreTrainedTokenizerFast(tokenizer_object=ours.backend_tokenizer, **roles).save_pretrained(folder)


def write_bert_generation(folder: Path) -> None:
    marks = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}
    train_sentencepiece(folder / "spiece.model", draw_sentences(ENGLISH, 200), **marks)
    write_settings(folder, tokenizer_class="BertGenerationTokenizer")


WRITERS = {
    "bert": write_bert, "byte level": write_byte_level, "word level": write_word_level, "byte pairs": write_byte_pairs,
    "bart": write_bart_tokenizer, "mbart": write_mbart_tokenizer, "mbart50": write_mbart50_tokenizer,
    "t5": write_t5_tokenizer, "marian": write_marian_tokenizer, "bert-generation": write_bert_generation,
}  # fmt: skip


def publish(folder: Path, family: str, tokens: Sequence[AddedToken | str]) -> PreTrainedTokenizerBase:
    """A family's tokenizer with further tokens, saved by transformers and loaded again."""
    folder.mkdir(parents=True, exist_ok=True)
    WRITERS[family](folder)
    if family in ("bart", "mbart", "mbart50", "t5", "marian"):
        write_bare_config(folder, family.removesuffix("50"))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for token in tokens:
        added = token if isinstance(token, AddedToken) else AddedToken(token, normalized=False)
        if added.special:
            tokenizer.add_special_tokens({"extra_special_tokens": [added]}, replace_extra_special_tokens=False)
        else:
            tokenizer.add_tokens([added])
    tokenizer.save_pretrained(folder)
    return AutoTokenizer.from_pretrained(folder)


def highlight(**flags) -> AddedToken:
    return AddedToken("<hl>", special=True, **({"normalized": False} | flags))


def encode(plain: PreTrainedTokenizerBase, texts: Sequence[str]) -> list[list[int]]:
    return [plain(text, add_special_tokens=False)["input_ids"] for text in texts]


def decode(plain: PreTrainedTokenizerBase, rows: Sequence[list[int]]) -> list[str]:
    # Ours joins word pieces as version 4 of transformers did.
    clean_up = plain.is_fast and type(plain.backend_tokenizer.model).__name__ == "WordPiece"
    texts = plain.batch_decode(rows, skip_special_tokens=True, clean_up_tokenization_spaces=clean_up)
    return [text.strip() for text in texts]


def cut(tokenizer: PreTrainedTokenizerFast, text: str) -> list[str]:
    return tokenizer.convert_ids_to_tokens(encode_texts(tokenizer, [text])[0])
