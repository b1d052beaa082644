"""Texts in, texts out, in order: tokenizing, cutting at the limit, generating, decoding, and counting what was odd."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..errors import GenerationError
from ..modeling.token_loss import TokenLossModel
from ..normalization import normalize_text
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair, decode_ids, encode_texts
from .options import GenerationOptions
from .transformers_engine import check_lengths, generate_ids


@dataclass(frozen=True)
class Generated:
    """Outputs in the order of the sources.

    empty: sources without a token, whose output is empty; truncated: sources cut at the limit.
    """

    texts: list[str]
    empty: int
    truncated: int


def check_texts(texts: Sequence[str]) -> None:
    """Makes sure that sources are a list of encodable strings.

    Raises:
        GenerationError: naming the index of the first that is not.
    """
    if isinstance(texts, str):
        raise GenerationError("Expected a list of texts, found one text. Put it into a list: [text].")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise GenerationError(f"Text {index}: expected a string, found {type(text).__name__}.")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise GenerationError(f"Text {index} holds half of a surrogate pair, which is no text.") from None


@dataclass(frozen=True)
class Generator:
    """A loaded model that writes texts; sources longer than max_source_tokens are cut and counted.

    normalization: steps that every source goes through first; none where sources come from `data.examples`, whose
    texts have gone through them.

    Raises:
        GenerationError: on construction, if a limit is beyond the model's position table.
    """

    model: TokenLossModel
    tokenizers: TokenizerPair
    framing: Framing
    max_source_tokens: int
    options: GenerationOptions
    normalization: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_lengths(self.model, self.max_source_tokens, self.options.max_target_tokens)

    def generate(self, texts: Sequence[str], advance: Callable[[int], None] = lambda sources: None) -> Generated:
        """One output for each text; a text without tokens, such as an empty one, gives an empty output.

        Raises:
            GenerationError: `texts` is one string, or one of them is no text; its index is named.
        """
        check_texts(texts)
        sources = [normalize_text(text, self.normalization) for text in texts]
        encoded = encode_texts(self.tokenizers.source, sources)
        filled = [index for index, ids in enumerate(encoded) if ids]
        advance(len(texts) - len(filled))
        framed = [self.framing.frame_source(encoded[index], self.max_source_tokens) for index in filled]
        source_ids = [ids for ids, _ in framed]
        outputs = [""] * len(texts)
        for index, ids in zip(filled, generate_ids(self.model, source_ids, self.options, advance), strict=True):
            outputs[index] = decode_ids(self.tokenizers.target, ids)
        truncated = sum(was_cut for _, was_cut in framed)
        return Generated(outputs, empty=len(texts) - len(filled), truncated=truncated)
