"""The tokenizers of a model: load, make them add nothing, save so that plain AutoTokenizer reads them alike.

Framing (begin and end marks) is not done here, see framing.py.
"""

import json
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from tokenizers import AddedToken, Tokenizer
from tokenizers.processors import TemplateProcessing
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..base.errors import TokenizerError
from .added_tokens import Layout, break_marks, free_tokens, is_mark
from .framing import Framing
from .sentencepiece_model import convert_slow
from .tokenizer_files import TARGET_FOLDER

PAD_TOKEN = "<|pad|>"
# A key of tokenizer_config.json: tokens that decoding leaves out, though they are tokens of their own in a text. All
# that we save has it, and transformers carries it along.
DROPPED_TOKENS = "dropped_tokens"
SPECIAL_ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


@dataclass(frozen=True)
class TokenizerPair:
    """Source and target tokenizer; one object twice where the vocabulary is shared."""

    source: PreTrainedTokenizerFast
    target: PreTrainedTokenizerFast

    def save(
        self,
        folder: Path,
        *,
        max_source_tokens: int,
        framing: Framing | None = None,
    ) -> None:
        """Writes the source tokenizer into the folder and, where it differs, the target's beside it.

        `max_source_tokens` is where plain transformers truncates when it is told truncation=True. Where the framing
        puts marks around sources, plain transformers puts them there too.
        """
        source = self.source
        if framing is not None:
            source = _add_source_marks(source, framing)
        _save(source, folder, max_source_tokens)
        if self.target is not self.source:
            _save(self.target, folder / TARGET_FOLDER, self.target.model_max_length)


def load_tokenizers(folder: Path) -> TokenizerPair:
    """The pair that `TokenizerPair.save` wrote."""
    source = load_tokenizer(folder)
    target_folder = folder / TARGET_FOLDER
    if not target_folder.exists():
        return TokenizerPair(source, source)
    return TokenizerPair(source, load_tokenizer(target_folder))


def load_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """A tokenizer that adds no special token, truncates and pads nothing, and reads '[SEP]' in a text as plain text.

    Raises:
        TokenizerError: the folder has no tokenizer, or none that the `tokenizers` library can run.
    """
    return make_bare_pair(load_as_published(folder)).source


def load_as_published(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a folder as transformers loads it, with its marks.

    Raises:
        TokenizerError: the folder has none that can be loaded.
    """
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            str(folder),
            local_files_only=True,
            trust_remote_code=False,
        )
    except Exception as error:  # `tokenizers` raises nothing narrower for a broken file
        first_line, *_ = str(error).splitlines() or [""]
        reason = f"{type(error).__name__}: {first_line}"
        raise TokenizerError(f"{folder}: no tokenizer could be loaded ({reason}). Expected tokenizer.json.") from None
    # Without a vocabulary transformers makes up a tokenizer of marks alone, to which every text is unknown.
    if not isinstance(tokenizer, PreTrainedTokenizerFast):
        return tokenizer  # those in Python fail by themselves, or need none
    expected = {*tokenizer.vocab_files_names.values(), "tokenizer.json"} - {"tokenizer_config.json"}
    present = [name for name in expected if (folder / name).exists()]
    if not present and not list(folder.glob("*.model")):
        names = " or ".join(sorted(expected))
        raise TokenizerError(
            f"{folder}: no vocabulary beside the config (expected {names}). Copy the tokenizer's files there."
        )
    return tokenizer


def make_bare_pair(published: PreTrainedTokenizerBase) -> TokenizerPair:
    """Source and target tokenizer without marks; they differ where a published tokenizer holds two.

    Raises:
        TokenizerError: it is backed neither by the `tokenizers` library nor by SentencePiece.
    """
    if isinstance(published, PreTrainedTokenizerFast):
        bare = make_bare(published)
        return TokenizerPair(bare, bare)
    source, target = convert_slow(published)
    bare = make_bare(source)
    if target is source:
        return TokenizerPair(bare, bare)
    return TokenizerPair(bare, make_bare(target))


def make_bare(published: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The same vocabulary and splitting without post-processor, truncation and padding.

    Published files may carry the last two: a sentence encoder's often truncates at 128 tokens and pads to them in
    silence. Special tokens are plain text where they are marks: where they hold a role, are put around texts, or are
    sentinels or codes of languages. Any other, such as an <hl> that somebody added, is a token in texts too.
    """
    layout = json.loads(published.backend_tokenizer.to_str())
    layout |= {"post_processor": None, "truncation": None, "padding": None}
    cleans_up = published.clean_up_tokenization_spaces
    if DROPPED_TOKENS not in published.init_kwargs:
        # WordPiece writes "don ' t"; the clean-up joins it. Other decoders restore spaces themselves.
        decoder = layout["decoder"] or {}
        cleans_up = decoder.get("type") == "WordPiece"
    own_tokens = _list_own_tokens(published)
    dropped = [token for token in own_tokens if _is_dropped(published, token)]
    free_tokens(layout, own_tokens, dropped)
    bare = _build_bare(
        layout,
        published,
        cleans_up=cleans_up,
        dropped=[*list_dropped(published), *dropped],
    )
    readable = [] if published.split_special_tokens else _list_readable_marks(bare)
    if not readable:
        return bare
    break_marks(layout, readable)
    return rebuild_bare(layout, bare)


def rebuild_bare(layout: Layout, bare: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """A bare tokenizer of another layout, with the roles and settings of a bare one."""
    return _build_bare(
        layout,
        bare,
        cleans_up=bare.clean_up_tokenization_spaces,
        dropped=list_dropped(bare),
    )


def _build_bare(
    layout: Layout,
    settings: PreTrainedTokenizerFast,
    *,
    cleans_up: bool,
    dropped: Sequence[str],
) -> PreTrainedTokenizerFast:
    """A bare tokenizer with the roles and the longest text of another."""
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(layout)),
        split_special_tokens=True,
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=cleans_up,
        model_max_length=settings.model_max_length,
        **{DROPPED_TOKENS: list(dropped)},
        **list_special_tokens(settings),
    )


def _list_own_tokens(published: PreTrainedTokenizerFast) -> list[str]:
    """The special tokens that are no marks.

    None of a tokenizer that splits its special tokens: so its model was trained, as ours were up to November 2026. But
    what somebody has added since to one that we saved is no mark either.
    """
    special = [token.content for token in published.added_tokens_decoder.values() if token.special]
    if published.split_special_tokens:
        since = published.extra_special_tokens if DROPPED_TOKENS in published.init_kwargs else []
        special = [token for token in special if token in since]
    around_texts = published.backend_tokenizer.encode("").tokens
    marks = {*list_special_tokens(published).values(), *around_texts}
    return [token for token in special if token not in marks and not is_mark(token)]


def list_dropped(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The tokens of a bare tokenizer that decoding leaves out, though they are tokens of their own in a text."""
    return tokenizer.init_kwargs.get(DROPPED_TOKENS, [])


def _is_dropped(published: PreTrainedTokenizerFast, token: str) -> bool:
    """Whether plain decoding leaves out a special token: not where its text is lower-cased with that around it."""
    token_id = published.convert_tokens_to_ids(token)
    return not published.backend_tokenizer.decode([token_id], skip_special_tokens=True)


def _list_readable_marks(bare: PreTrainedTokenizerFast) -> list[str]:
    """The marks that the model of a bare tokenizer has among the pieces that it breaks texts into."""
    marks = [mark for mark in list_marks(bare) if len(mark) > 1]
    unknown = bare.unk_token
    found = []
    for mark in marks:
        texts = [mark, f"a{mark}", f"{mark}a", f"a {mark} a"]
        mark_id = bare.convert_tokens_to_ids(mark)
        if any(mark_id in ids for ids in encode_texts(bare, texts)):
            found.append(mark)
    # What else there is in these texts may be unknown.
    return found if found != [unknown] else []


def list_marks(tokenizer: PreTrainedTokenizerFast) -> list[str]:
    """The special tokens of a bare tokenizer, which it reads as plain text."""
    return [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]


def list_special_tokens(tokenizer: PreTrainedTokenizerFast) -> dict[str, str]:
    """The special tokens of a tokenizer, by the roles that it fills."""
    tokens = {role: getattr(tokenizer, role) for role in SPECIAL_ROLES}
    return {role: token for role, token in tokens.items() if token is not None}


def _add_source_marks(tokenizer: PreTrainedTokenizerFast, framing: Framing) -> PreTrainedTokenizerFast:
    """The bare tokenizer itself, or one that plain transformers adds the source marks of the framing with."""
    if not framing.source_prefix and not framing.source_suffix:
        return tokenizer
    prefix = tokenizer.convert_ids_to_tokens(list(framing.source_prefix))
    suffix = tokenizer.convert_ids_to_tokens(list(framing.source_suffix))
    ids = dict(zip(prefix, framing.source_prefix, strict=True))
    ids |= zip(suffix, framing.source_suffix, strict=True)
    marked = deepcopy(tokenizer)
    marked.backend_tokenizer.post_processor = TemplateProcessing(
        single=[*prefix, "$A", *suffix],
        special_tokens=list(ids.items()),
    )
    return marked


def give_role(
    tokenizer: PreTrainedTokenizerFast,
    role: str,
    token_id: int,
) -> None:
    """Lets a token of a bare tokenizer hold a role, with which it is a mark."""
    token = tokenizer.convert_ids_to_tokens(token_id)
    setattr(tokenizer, role, token)
    if token in list_dropped(tokenizer):
        tokenizer.backend_tokenizer.add_special_tokens([AddedToken(token, normalized=False)])


def ensure_pad_token(tokenizer: PreTrainedTokenizerFast) -> PreTrainedTokenizerFast:
    """The tokenizer itself, or one with a token `<|pad|>` of its own where it has none, as GPT-2's."""
    if tokenizer.pad_token is not None:
        return tokenizer
    padded = deepcopy(tokenizer)
    padded.add_special_tokens({"pad_token": PAD_TOKEN})
    return padded


def encode_texts(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> list[list[int]]:
    """Token ids of each text, bare and whole, by a bare tokenizer."""
    backend = tokenizer.backend_tokenizer
    backend.encode_special_tokens = True  # a mark such as '[SEP]' in a text is plain text
    encodings = backend.encode_batch_fast(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


def decode_ids(tokenizer: PreTrainedTokenizerFast, ids: Sequence[int]) -> str:
    """The text of generated ids, special tokens left out, without white space at its ends."""
    dropped = set(tokenizer.convert_tokens_to_ids(list_dropped(tokenizer)))
    written = [token_id for token_id in ids if token_id not in dropped]
    return tokenizer.decode(written, skip_special_tokens=True).strip()


def find_highest_id(tokenizer: PreTrainedTokenizerFast) -> int:
    """The highest id that a text can give: marks and others that no text is broken into do not count."""
    added = tokenizer.backend_tokenizer.get_added_tokens_decoder()
    never_written = {token_id for token_id, token in added.items() if token.special}
    return max(set(tokenizer.get_vocab().values()) - never_written, default=-1)


def are_equal(first: PreTrainedTokenizerFast, second: PreTrainedTokenizerFast) -> bool:
    """Whether both make the same ids of every text and have the same special tokens."""
    if first.special_tokens_map != second.special_tokens_map:
        return False
    return first.backend_tokenizer.to_str() == second.backend_tokenizer.to_str()


def have_equal_vocabularies(first: PreTrainedTokenizerFast, second: PreTrainedTokenizerFast) -> bool:
    """Whether both give every token the same id."""
    return first.get_vocab() == second.get_vocab()


def _save(tokenizer: PreTrainedTokenizerFast, folder: Path, max_tokens: int) -> None:
    tokenizer.save_pretrained(str(folder))
    # transformers 5 writes its new name "TokenizersBackend"; this one both versions 4 and 5 know.
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    settings["model_max_length"] = max_tokens
    text = json.dumps(settings, ensure_ascii=False, indent=2)
    path.write_text(text + "\n", encoding="utf-8")
