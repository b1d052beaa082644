"""Texts in, texts out, in order: tokenizing, cutting at the limit, generating, decoding, and counting what was odd."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from ..base.errors import GenerationError
from ..data.plain_text import replace_surrogates
from ..engines.engine import Engine, check_prefix
from ..engines.options import GenerationOptions
from ..text.framing import Framing
from ..text.normalization import normalize_text
from ..text.tokenizers import TokenizerPair, decode_ids, encode_texts

Text = TypeVar("Text")
WINDOW_TEXTS = 1024  # sorted by length together, and written together: more pad less, fewer appear sooner
WINDOW_CHARACTERS = 2**22  # of a window, by which its memory is bounded whatever the texts


@dataclass(frozen=True)
class Output:
    """A text, and its log-probability where the options ask for scores and the source has a token."""

    text: str
    score: float | None = None


@dataclass(frozen=True)
class Generated:
    """Outputs in the order of the sources: `num_outputs` for each, the best first.

    empty: sources without a token, whose outputs are empty; truncated: sources cut at the limit; replaced: sources with
    halves of surrogate pairs, which are no text and became U+FFFD.
    """

    outputs: list[list[Output]]
    empty: int = 0
    truncated: int = 0
    replaced: int = 0

    @property
    def texts(self) -> list[str]:
        """The best output of each source."""
        return [outputs[0].text for outputs in self.outputs]

    def count_odd(self) -> dict[str, int]:
        """How many sources were empty, truncated or replaced."""
        return {"empty": self.empty, "truncated": self.truncated, "replaced": self.replaced}

    def to_rows(self, sources: Sequence[str]) -> Iterator[dict]:
        """A row for each source: `prediction`, `score` where there is one; of several outputs lists, the best first."""
        for source, outputs in zip(sources, self.outputs, strict=True):
            row = {"source": source, "prediction": outputs[0].text}
            if outputs[0].score is not None:
                row["score"] = outputs[0].score
            if len(outputs) > 1:
                row["predictions"] = [output.text for output in outputs]
                row |= {"scores": [output.score for output in outputs]} if "score" in row else {}
            yield row


def require_texts(texts: Iterable[str], name: str = "Text") -> Iterator[str]:
    """The same sources, or what `name` says, one after the other.

    Raises:
        GenerationError: naming the index of the first that is no string; or they are one string.
    """
    if isinstance(texts, str):
        raise GenerationError("Expected a list of texts, found one text. Put it into a list: [text].")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise GenerationError(f"{name} {index}: expected a string, found {type(text).__name__}.")
        yield text


def require_intact(texts: Sequence[str], name: str) -> list[str]:
    """The same texts, in which nothing would be replaced.

    Raises:
        GenerationError: as `require_texts`, or one of them holds half of a surrogate pair.
    """
    texts = list(require_texts(texts, name))
    for index, text in enumerate(texts):
        if replace_surrogates(text) != text:
            raise GenerationError(f"{name} {index} holds half of a surrogate pair, which is no text.")
    return texts


def require_pairs(texts: Sequence[str], targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """The same texts and their targets.

    Raises:
        GenerationError: as `require_intact`, or there are not as many of both.
    """
    texts, targets = require_intact(texts, "Text"), require_intact(targets, "Target")
    if len(texts) != len(targets):
        raise GenerationError(f"Expected a target for each text, found {len(texts)} texts, {len(targets)} targets.")
    return texts, targets


def cut_windows(texts: Iterable[Text], window_texts: int, measure: Callable[[Text], int] = len) -> Iterator[list[Text]]:
    """Texts in lists that are generated for at once: of so many texts, or fewer where these are long.

    ["a", "b", "c"] in windows of 2 -> ["a", "b"], ["c"]
    """
    window, characters = [], 0
    for text in texts:
        window.append(text)
        characters += measure(text)
        if len(window) >= window_texts or characters >= WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window


@dataclass(frozen=True)
class Generator:
    """A loaded engine that writes texts; sources longer than max_source_tokens are cut and counted.

    normalization: steps that every text goes through first; none where texts come from `data.examples`, whose texts
    have gone through them.

    Raises:
        GenerationError: on construction, if an option is beyond the engine or the model's positions, or the target
            prefix has no token or as many as an output may have.
    """

    engine: Engine
    tokenizers: TokenizerPair
    framing: Framing
    max_source_tokens: int
    options: GenerationOptions
    normalization: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.engine.check(self.options, self.max_source_tokens)
        check_prefix(self.prefix, self.options)

    @cached_property
    def prefix(self) -> tuple[int, ...]:
        """The ids that every output begins with; none where no text is forced."""
        forced = self.options.target_prefix
        if not forced:
            return ()
        if replace_surrogates(forced) != forced:
            raise GenerationError(f"target_prefix: {forced!r} holds half of a surrogate pair, which is no text.")
        ids = encode_texts(self.tokenizers.target, [forced])[0]
        if not ids:
            raise GenerationError(f"target_prefix: {forced!r} has no token. Leave it out, or set one with letters.")
        return (*self.framing.target_prefix, *ids)

    def generate(
        self,
        texts: Sequence[str],
        advance: Callable[[int], None] = lambda sources: None,
        *,
        places: Sequence[int] | None = None,
    ) -> Generated:
        """Outputs for each text; a text without tokens, such as an empty one, gives empty outputs.

        Args:
            advance: told after every batch how many texts it finished.
            places: number of each text in the whole input, by which sampling draws; left out: 0, 1, 2 ...

        Raises:
            GenerationError: `texts` is one string, or one of them is no text; its index is named.
        """
        texts = list(require_texts(texts))
        encoded = self.encode_sources(texts)
        filled = [index for index, ids in enumerate(encoded) if ids]
        advance(len(texts) - len(filled))
        framed = [self.framing.frame_source(encoded[index], self.max_source_tokens) for index in filled]
        sources = [ids for ids, _ in framed]
        outputs = [[Output("")] * self.options.num_outputs for _ in texts]
        places = filled if places is None else [places[index] for index in filled]
        written = self.engine.generate(sources, self.options, advance, prefix=self.prefix, places=places)
        for index, hypotheses in zip(filled, written, strict=True):
            outputs[index] = [Output(decode_ids(self.tokenizers.target, h.ids), h.score) for h in hypotheses]
        truncated = sum(was_cut for _, was_cut in framed)
        replaced = sum(replace_surrogates(text) != text for text in texts)
        return Generated(outputs, empty=len(texts) - len(filled), truncated=truncated, replaced=replaced)

    def stream(self, texts: Iterable[str], *, window_texts: int = WINDOW_TEXTS) -> Iterator[str]:
        """The best output of each text, in order, without holding more than a window of texts at once.

        Args:
            window_texts: how many texts are read before the first output comes; more make faster batches.

        Raises:
            GenerationError: as `generate`, when that text is reached.
        """
        place = 0
        for window in cut_windows(require_texts(texts), window_texts):
            yield from self.generate(window, places=range(place, place + len(window))).texts
            place += len(window)

    def score(
        self,
        texts: Sequence[str],
        targets: Sequence[str],
        advance: Callable[[int], None] = lambda pairs: None,
    ) -> list[float]:
        """The log-probability of each target given its text (forced decoding), its end mark included.

        Texts are cut as for `generate`; targets must fit. Options of the search, such as penalties, do not count here.

        Raises:
            GenerationError: the lists differ in length, an entry is no text, a text has no token, or a target is longer
                than `max_target_tokens`; its index is named.
        """
        texts, targets = require_pairs(texts, targets)
        encoded, limit = self.encode_sources(texts), self.options.max_target_tokens
        if [] in encoded:
            raise GenerationError(f"Text {encoded.index([])} has no token for this tokenizer. Leave it out.")
        framed = [self.framing.frame_target(ids, limit) for ids in self.encode_targets(targets)]
        for index, (_, was_cut) in enumerate(framed):
            if was_cut:
                raise GenerationError(f"Target {index} has more tokens than max_target_tokens, {limit}. Set more.")
        sources = [self.framing.frame_source(ids, self.max_source_tokens)[0] for ids in encoded]
        return [sum(scores) for scores in self.engine.score(sources, [labels for labels, _ in framed], advance)]

    def encode_sources(self, texts: Sequence[str]) -> list[list[int]]:
        """Normalized token ids of each text, without marks and uncut."""
        steps = self.normalization
        return encode_texts(self.tokenizers.source, [normalize_text(replace_surrogates(t), steps) for t in texts])

    def encode_targets(self, targets: Sequence[str]) -> list[list[int]]:
        """Normalized token ids of each given target, without marks and uncut."""
        return encode_texts(self.tokenizers.target, [normalize_text(target, self.normalization) for target in targets])

    def find_long(self, texts: Sequence[str]) -> tuple[int, int] | None:
        """Index of the first text that `generate` would cut, and its tokens with their marks; None where all fit."""
        for index, ids in enumerate(self.encode_sources(texts)):
            if (tokens := len(ids) + self.framing.source_marks) > self.max_source_tokens:
                return index, tokens
        return None
