"""SentencePiece models as backends of the library tokenizers: same pieces, same ids, and saved as tokenizer.json.

For published tokenizers that transformers runs in Python alone: BertGeneration's and Marian's.
"""

from collections.abc import Mapping
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from ..errors import TokenizerError

SPACE = "▁"
UNIGRAM = 1  # of the model types that the file format counts
ABSENT = -1e4  # score of a token that only the other language's model has: worse than any path through real pieces
ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")


def convert_slow(published: PreTrainedTokenizer) -> tuple[PreTrainedTokenizerFast, PreTrainedTokenizerFast]:
    """Source and target tokenizer with the pieces and ids of one that runs in Python; one object where they are equal.

    Raises:
        TokenizerError: it is not built on SentencePiece unigram files.
    """
    if hasattr(published, "spm_files"):  # Marian: two models, one vocabulary or one each
        vocabularies = published.encoder, getattr(published, "target_encoder", published.encoder)
        source, target = (
            _wrap(convert_model(Path(file), vocabulary), published)
            for file, vocabulary in zip(published.spm_files, vocabularies, strict=True)
        )
        return source, target
    file = getattr(published, "vocab_file", None)
    if file is None or not str(file).endswith((".model", ".spm")):
        raise TokenizerError(
            f"the tokenizer is a {type(published).__name__}, which is not backed by the `tokenizers` library nor by "
            "SentencePiece. Convert it to a tokenizer.json first."
        )
    tokenizer = _wrap(convert_model(Path(file)), published)
    return tokenizer, tokenizer


def convert_model(file: Path, vocabulary: Mapping[str, int] | None = None) -> Tokenizer:
    """A SentencePiece unigram model; ids are its own, or those of `vocabulary`, which may hold further tokens.

    Raises:
        TokenizerError: the file is none, or of another kind than unigram.
    """
    from sentencepiece.sentencepiece_model_pb2 import ModelProto  # needs protobuf, and is slow to load

    proto = ModelProto()
    try:
        proto.ParseFromString(file.read_bytes())
    except Exception as error:  # protobuf's own, which has no public name
        raise TokenizerError(f"{file} is no SentencePiece model ({error}).") from None
    if proto.trainer_spec.model_type != UNIGRAM:
        raise TokenizerError(f"{file}: only SentencePiece models of type unigram convert here. Give a tokenizer.json.")
    scores = {piece.piece: piece.score for piece in proto.pieces}
    if vocabulary is None:
        vocabulary = {piece.piece: index for index, piece in enumerate(proto.pieces)}
    ordered = sorted(vocabulary, key=vocabulary.get)
    if [vocabulary[token] for token in ordered] != list(range(len(ordered))):
        raise TokenizerError(f"{file}: the vocabulary beside it has gaps or repeats in its ids.")
    unknown = next((p.piece for p in proto.pieces if p.type == ModelProto.SentencePiece.UNKNOWN), "<unk>")
    backend = Tokenizer(
        models.Unigram([(token, scores.get(token, ABSENT)) for token in ordered], unk_id=vocabulary.get(unknown))
    )
    spec = proto.normalizer_spec
    steps = [normalizers.Precompiled(spec.precompiled_charsmap)] if spec.precompiled_charsmap else []
    if spec.remove_extra_whitespaces:
        steps += [normalizers.Strip(), normalizers.Replace(Regex(" {2,}"), " ")]
    backend.normalizer = normalizers.Sequence(steps)
    scheme = "always" if spec.add_dummy_prefix else "never"
    backend.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme)
    backend.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme=scheme)
    codes = [token for token in ordered if token.startswith(">>") and token.endswith("<<")]
    backend.add_tokens([AddedToken(code, normalized=False, rstrip=True) for code in codes])  # Marian's languages
    return backend


def _wrap(backend: Tokenizer, published: PreTrainedTokenizerBase) -> PreTrainedTokenizerFast:
    known = backend.get_vocab()
    roles = {role: token for role in ROLES if (token := getattr(published, role, None)) in known}
    return PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=published.model_max_length, **roles)
