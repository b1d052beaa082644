"""Sources in, texts out, in order: encoding, truncating, generating, decoding, and counting what was odd."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base.errors import GenerationError
from ..data.ragged import measure_rows
from ..engines.engine import Engine, Hypothesis, check_prefix
from ..engines.options import GenerationOptions
from ..sources.source import Source, Stored
from ..text.framing import Framing
from ..text.normalization import normalize_text, replace_surrogates
from ..text.round_trip import spell_texts
from ..text.tokenizers import TokenizerPair, decode_ids
from .prefix import encode_prefix, find_fault
from .windows import WINDOW_TEXTS, break_windows, measure_value


@dataclass(frozen=True)
class Output:
    """A text, and its log-probability where the options ask for scores and the source has a token."""

    text: str
    score: float | None = None


@dataclass(frozen=True)
class Generated:
    """Outputs in the order of the sources: `num_outputs` for each, the best first.

    empty: sources without a token, whose outputs are empty.
    truncated: sources with more tokens than the limit.
    replaced: sources with halves of surrogate pairs, which are no text and became U+FFFD.
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
            row: dict[str, Any] = {"source": source, "prediction": outputs[0].text}
            if outputs[0].score is not None:
                row["score"] = outputs[0].score
            if len(outputs) > 1:
                row["predictions"] = [output.text for output in outputs]
                if "score" in row:
                    row["scores"] = [output.score for output in outputs]
            yield row


def _require_texts(texts: Iterable[str], name: str = "Text") -> Iterator[str]:
    """The same sources, or what `name` says, one after the other.

    Raises:
        GenerationError: naming the index of the first that is no string; or they are one string.
    """
    # A string is a list of strings too, its letters, and would give an output for each.
    if isinstance(texts, str):
        raise GenerationError("Expected a list of texts, found one text. Put it into a list: [text].")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            type_name = type(text).__name__
            raise GenerationError(f"{name} {index}: expected a string, found {type_name}.")
        yield text


def require_intact(texts: Sequence[str], name: str) -> list[str]:
    """The same texts, in which nothing would be replaced.

    Raises:
        GenerationError: as `_require_texts`, or one of them holds half of a surrogate pair.
    """
    texts = list(_require_texts(texts, name))
    for index, text in enumerate(texts):
        if replace_surrogates(text) != text:
            raise GenerationError(f"{name} {index} holds half of a surrogate pair, which is no text.")
    return texts


def require_pairs(texts: Sequence[str], targets: Sequence[str]) -> tuple[list[str], list[str]]:
    """The same texts and their targets.

    Raises:
        GenerationError: as `require_intact`, or there are more of one than of the other.
    """
    texts = require_intact(texts, "Text")
    targets = require_intact(targets, "Target")
    _check_numbers(texts, targets)
    return texts, targets


def _check_numbers(sources: Sequence[Any], targets: Sequence[str]) -> None:
    """Makes sure that there is a target for each source.

    Raises:
        GenerationError: there are more of one than of the other.
    """
    if len(sources) != len(targets):
        raise GenerationError(f"Expected a target for each text, found {len(sources)} texts, {len(targets)} targets.")


@dataclass(frozen=True)
class Generator:
    """A loaded engine that writes texts; sources longer than the source's limit are truncated and counted.

    is_prepared: whether sources come from `data.examples`, where they were prepared already, which for texts means
    normalized; else that is done here.
    folder: where the model was loaded from, as far as that is known.

    Raises:
        GenerationError: on construction, if an option is beyond the engine or the model's positions, or the target
            prefix has no token or characters that the tokenizer cannot spell, or leaves no token for the rest of an
            output.
    """

    engine: Engine
    source: Source
    tokenizers: TokenizerPair
    framing: Framing
    options: GenerationOptions
    is_prepared: bool = False
    folder: Path | None = None

    def __repr__(self) -> str:
        where = "" if self.folder is None else f"{self.folder}, "
        options = f"num_beams={self.options.num_beams}, max_target_tokens={self.options.max_target_tokens}"
        return f"Generator({where}{self.engine!r}, {options})"

    @property
    def max_source_tokens(self) -> int:
        return self.source.context.max_source_tokens

    @property
    def normalization(self) -> tuple[str, ...]:
        """Names of the normalizers that every text goes through first."""
        return () if self.is_prepared else self.source.context.normalization

    def __post_init__(self) -> None:
        self.engine.check(self.options, self.max_source_tokens)
        check_prefix(self.prefix, self.options)

    @cached_property
    def prefix(self) -> tuple[int, ...]:
        """The ids that every output begins with; none where no text is forced."""
        return encode_prefix(self.tokenizers.target, self.framing, self.options.target_prefix)

    def generate(
        self,
        texts: Iterable[Any],
        advance: Callable[[int], None] = lambda sources: None,
        *,
        places: Sequence[int] | None = None,
    ) -> Generated:
        """Outputs for each text or other source; one without tokens, such as an empty one, gives empty outputs.

        Args:
            advance: told after every batch how many texts it finished.
            places: number of each text in the whole input, by which sampling draws; left out: 0, 1, 2 ...

        Raises:
            GenerationError: `texts` is one string, or one of them is no source of the model's; its index is named.
        """
        texts = list(self.require_values(texts))
        if places is None:
            places = range(len(texts))
        # An engine has nothing to attend to in a text without a token.
        sources: list[Stored] = []
        indices: list[int] = []
        truncated = 0
        for index, whole in enumerate(self.encode_sources(texts)):
            if len(whole):
                stored, is_truncated = self.source.truncate(whole)
                sources.append(stored)
                indices.append(index)
                truncated += is_truncated
        # The engine never hears of them, and whoever counts is told now.
        empty = len(texts) - len(indices)
        advance(empty)
        # What the engine cannot do was refused when the generator was built.
        written = self.engine.write(
            sources,
            self.options,
            advance,
            self.prefix,
            [places[index] for index in indices],
        )
        if self.options.scores:
            written = self.engine.add_scores(sources, written)
        outputs = [[Output("")] * self.options.num_outputs for _ in texts]
        for index, hypotheses in zip(indices, written, strict=True):
            outputs[index] = [self._decode(hypothesis) for hypothesis in hypotheses]
        replaced = 0
        if self.source.is_text:  # a file may come with halves of surrogate pairs
            replaced = sum(replace_surrogates(text) != text for text in texts)
        return Generated(outputs, empty=empty, truncated=truncated, replaced=replaced)

    def _decode(self, hypothesis: Hypothesis) -> Output:
        return Output(decode_ids(self.tokenizers.target, hypothesis.shown), hypothesis.score)

    def stream(
        self,
        texts: Iterable[Any],
        *,
        window_texts: int = WINDOW_TEXTS,
    ) -> Iterator[str]:
        """The best output of each text or other source, in order, without holding more than a window of texts at once.

        Args:
            window_texts: how many texts are read before the first output comes; more make faster batches.

        Raises:
            GenerationError: as `generate`, when that text is reached.
        """
        place = 0
        for window in break_windows(self.require_values(texts), window_texts, measure_value):
            behind = place + len(window)
            yield from self.generate(window, places=range(place, behind)).texts
            place = behind

    def score(
        self,
        texts: Sequence[Any],
        targets: Sequence[str],
        advance: Callable[[int], None] = lambda pairs: None,
    ) -> list[float]:
        """The log-probability of each target given its text (forced decoding), its end mark included.

        Texts are truncated as for `generate`; targets must fit, and are scored as the tokenizer writes them: some
        lower-case. Options of the search, such as penalties, do not count here.

        Raises:
            GenerationError: the lists differ in length, an entry is no source or text, a source has no token, or a
                target is longer than `max_target_tokens` or has characters that the target tokenizer cannot spell; its
                index is named.
        """
        if self.source.is_text:
            texts, targets = require_pairs(texts, targets)
        else:
            texts = list(self.require_values(texts))
            targets = require_intact(targets, "Target")
            _check_numbers(texts, targets)
        limit = self.options.max_target_tokens
        sources = []
        for index, whole in enumerate(self.encode_sources(texts)):
            if not len(whole):
                empty = f"Source {index} has no position"
                if self.source.is_text:
                    empty = f"Text {index} has no token for this tokenizer"
                raise GenerationError(f"{empty}. Leave it out.")
            stored, _ = self.source.truncate(whole)
            sources.append(stored)
        labels = []
        for index, ids in enumerate(self.encode_targets(targets)):
            target, is_truncated = self.framing.frame_target(ids, limit)
            if is_truncated:
                raise GenerationError(f"Target {index} has more tokens than max_target_tokens, {limit}. Set more.")
            labels.append(target)
        return [sum(of_tokens) for of_tokens in self.engine.score(sources, labels, advance)]

    def require_values(self, values: Iterable[Any]) -> Iterator[Any]:
        """The same sources, one after the other.

        Raises:
            GenerationError: naming the index of the first that is no source of the model's.
        """
        if self.source.is_text:
            yield from _require_texts(values)
            return
        for index, value in enumerate(values):
            if (fault := self.source.find_fault(value)) is not None:
                raise GenerationError(f"Source {index} {fault}.")
            yield value

    def encode_sources(self, texts: Sequence[Any]) -> Sequence[Stored]:
        """What is stored of each source, of texts their normalized token ids, without marks and whole."""
        if not self.is_prepared:
            texts = [self.source.prepare(text) for text in texts]
        return self.source.encode(texts)

    def encode_targets(self, targets: Sequence[str]) -> list[list[int]]:
        """Normalized token ids of each given target, without marks and whole.

        Raises:
            GenerationError: one has characters that the target tokenizer cannot spell; its index is named.
        """
        normalized = [normalize_text(target, self.normalization) for target in targets]
        rows = []
        for index, spelling in enumerate(spell_texts(self.tokenizers.target, normalized)):
            if (fault := find_fault(spelling)) is not None:
                raise GenerationError(f"Target {index}: {fault} Leave the pair out, or write it otherwise.")
            rows.append(list(spelling.ids))
        return rows

    def find_long(self, texts: Sequence[Any]) -> tuple[int, int] | None:
        """Index of the first text that `generate` would truncate, and its tokens with their marks; None if all fit."""
        lengths = measure_rows(self.encode_sources(texts)) + self.source.marks
        for index, tokens in enumerate(self.source.count_positions(lengths).tolist()):
            if tokens > self.max_source_tokens:
                return index, tokens
        return None
