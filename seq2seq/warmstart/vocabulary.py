"""The vocabularies of both sides: the checkpoints' own, new ones that begin from them, or trimmed ones."""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerFast

from ..base.errors import WarmStartError
from ..text.tokenizers import TokenizerPair, are_equal, ensure_pad_token, have_equal_vocabularies, load_tokenizer
from ..text.trimming import trim_tokenizer
from ..text.vocabulary import match_tokens
from .options import ModelOptions
from .plans import Plan
from .sources import SourceCheckpoint, find_source_folder

# For each row of a table the old rows whose mean it begins from; none: the mean of all.
OldRows = list[tuple[int, ...]]


@dataclass(frozen=True)
class Corpus:
    """The texts that a trimmed vocabulary has to write."""

    sources: Sequence[str]
    targets: Sequence[str]


@dataclass(frozen=True)
class Vocabularies:
    """The tokenizers of both sides, the old rows behind their tables, and what was done, in words.

    one: whether both sides have the same vocabulary, and can use one table.
    """

    tokenizers: TokenizerPair
    source_rows: OldRows
    target_rows: OldRows
    notes: tuple[str, ...]

    @property
    def one(self) -> bool:
        return have_equal_vocabularies(self.tokenizers.source, self.tokenizers.target)


def load_vocabularies(
    plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint, options: ModelOptions, corpus: Corpus | None
) -> Vocabularies:
    """The vocabularies of a plan's sides: the checkpoints' own, or what the options ask for in their place.

    Raises:
        WarmStartError: vocabularies that share a table differ, a tokenizer goes beyond its table, or there is no
            corpus to trim to.
        TokenizerError: a tokenizer is missing, or of a kind that cannot be matched or trimmed.
    """
    own = _load_tokenizers(plan, encoder, decoder)
    target = decoder if plan.warm_decoder else encoder
    source = target if plan.one_table and not plan.warm_encoder else encoder
    rows = (source.config.vocab_size, target.config.vocab_size)
    filled = (plan.warm_encoder, plan.warm_decoder)
    if plan.one_table:
        filled = (any(filled),) * 2
    vocabularies = _choose_vocabularies(own, rows, filled, options, corpus)
    if plan.share_layers and not vocabularies.one:
        raise WarmStartError(
            f"Plan {plan.name} shares the embedding table; give model.source_tokenizer and model.target_tokenizer the "
            "same folder."
        )
    return vocabularies


def _load_tokenizers(plan: Plan, encoder: SourceCheckpoint, decoder: SourceCheckpoint) -> TokenizerPair:
    """The tokenizers of both sides; with one table, that of the warm side serves both."""
    target = _load_tokenizer(decoder if plan.warm_decoder else encoder)
    if encoder is decoder or (plan.one_table and not plan.warm_encoder):
        return TokenizerPair(target, target)
    source = _load_tokenizer(encoder)
    if are_equal(source, target):
        return TokenizerPair(source, source)
    if plan.one_table and not have_equal_vocabularies(source, target):
        raise WarmStartError(
            f"{encoder.name} and {decoder.name} have different vocabularies, and one embedding table serves both "
            "sides. Choose checkpoints with the same vocabulary."
        )
    return TokenizerPair(source, target)


def _load_tokenizer(source: SourceCheckpoint) -> PreTrainedTokenizerFast:
    tokenizer = load_tokenizer(source.folder)
    highest, rows = max(tokenizer.get_vocab().values()), source.config.vocab_size
    if highest >= rows:
        raise WarmStartError(
            f"{source.name}: the tokenizer gives ids up to {highest}, the embedding table has {rows} rows. "
            "The tokenizer has tokens that the checkpoint was not trained with."
        )
    return ensure_pad_token(tokenizer)


def _choose_vocabularies(
    own: TokenizerPair,
    table_rows: tuple[int, int],
    filled: tuple[bool, bool],
    options: ModelOptions,
    corpus: Corpus | None,
) -> Vocabularies:
    """What the options ask for in place of the checkpoints' own tokenizers.

    Their tables have so many rows; `filled` tells whether the plan fills them from a checkpoint.
    """
    if options.trim_vocabulary and corpus is None:
        raise WarmStartError("model.trim_vocabulary: there are no texts to trim to. Give data, or a corpus.")
    names = (options.source_tokenizer, options.target_tokenizer)
    if own.source is own.target and names[0] == names[1] and table_rows[0] == table_rows[1]:
        texts = None if corpus is None else [*corpus.sources, *corpus.targets]
        tokenizer, rows, notes = _choose(own.source, table_rows[0], filled[0], names[0], options, texts)
        return Vocabularies(TokenizerPair(tokenizer, tokenizer), rows, rows, _name("vocabulary", notes))
    chosen = [
        _choose(tokenizer, count, is_filled, name, options, texts)
        for tokenizer, count, is_filled, name, texts in zip(
            (own.source, own.target),
            table_rows,
            filled,
            names,
            (None, None) if corpus is None else (corpus.sources, corpus.targets),
            strict=True,
        )
    ]
    notes = (*_name("source vocabulary", chosen[0][2]), *_name("target vocabulary", chosen[1][2]))
    return Vocabularies(TokenizerPair(chosen[0][0], chosen[1][0]), chosen[0][1], chosen[1][1], notes)


def _choose(
    own: PreTrainedTokenizerFast,
    table_rows: int,
    is_filled: bool,
    name: str | None,
    options: ModelOptions,
    texts: Sequence[str] | None,
) -> tuple[PreTrainedTokenizerFast, OldRows, list[str]]:
    """One side's tokenizer, the old rows behind its table, and what was done."""
    tokenizer, notes = own, []
    rows: OldRows = [(row,) for row in range(table_rows)]
    rows += [()] * (max(own.get_vocab().values()) + 1 - table_rows)  # a pad token that the checkpoint did not have
    if name is not None:
        tokenizer = ensure_pad_token(load_tokenizer(find_source_folder(name)))
        # A pad token that the checkpoint did not have has no row to begin from.
        matches = [tuple(row for row in match if row < table_rows) for match in match_tokens(own, tokenizer)]
        rows = [match if len(match) == 1 or options.new_tokens == "pieces" else () for match in matches]
        notes.append(f"{len(rows):,} tokens of {name}{_format_rows(rows, table_rows) if is_filled else ', all random'}")
    if options.trim_vocabulary:
        tokens = len(tokenizer)
        tokenizer, kept = trim_tokenizer(tokenizer, texts)
        notes.append(f"{len(kept):,} of {tokens:,} tokens kept, those that the data needs")
        rows = [rows[row] for row in kept]
    return tokenizer, rows, notes


def _format_rows(rows: OldRows, old: int) -> str:
    same, none = sum(len(row) == 1 for row in rows), sum(not row for row in rows)
    return (
        f": {same:,} begin as the same token of the old {old:,}, {len(rows) - same - none:,} as the mean of their old "
        f"pieces, {none:,} as the mean of all"
    )


def _name(what: str, notes: list[str]) -> tuple[str, ...]:
    return tuple(f"{what}: {note}" for note in notes)
