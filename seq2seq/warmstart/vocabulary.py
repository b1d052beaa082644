"""The vocabularies of both sides: the checkpoints' own, new ones that begin from them, or trimmed ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerFast

from ..base.errors import WarmStartError
from ..text.tokenizers import TokenizerPair, are_equal, ensure_pad_token, have_equal_vocabularies, load_tokenizer
from ..text.trimming import trim_tokenizer
from ..text.vocabulary import match_tokens
from .options import ModelOptions
from .plans import Plan
from .published_checkpoint import PublishedCheckpoint, find_published_folder

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
    plan: Plan,
    encoder: PublishedCheckpoint,
    decoder: PublishedCheckpoint,
    options: ModelOptions,
    corpus: Corpus | None,
) -> Vocabularies:
    """The vocabularies of a plan's sides: the checkpoints' own, or what the options ask for in their place.

    Raises:
        WarmStartError: vocabularies that share a table differ, a tokenizer goes beyond its table, or there is no
            corpus to trim to.
        TokenizerError: a tokenizer is missing, or of a kind that cannot be matched or trimmed.
    """
    own = _load_tokenizers(plan, encoder, decoder)
    if corpus is None:
        if options.trim_vocabulary:
            raise WarmStartError("model.trim_vocabulary: there are no texts to trim to. Give data, or a corpus.")
        corpus = Corpus((), ())
    of_target = decoder if plan.warm_decoder else encoder
    # One table for both sides is that of the warm one.
    of_source = of_target if plan.one_table and not plan.warm_encoder else encoder
    one_is_warm = plan.one_table and (plan.warm_encoder or plan.warm_decoder)
    source = _Wish(
        own=own.source,
        table_rows=of_source.config.vocab_size,
        is_filled=plan.warm_encoder or one_is_warm,
        name=options.source_tokenizer,
        texts=corpus.sources,
    )
    target = _Wish(
        own=own.target,
        table_rows=of_target.config.vocab_size,
        is_filled=plan.warm_decoder or one_is_warm,
        name=options.target_tokenizer,
        texts=corpus.targets,
    )
    vocabularies = _choose_vocabularies(source, target, options)
    if plan.share_layers and not vocabularies.one:
        raise WarmStartError(
            f"Plan {plan.name} shares the embedding table; give model.source_tokenizer and model.target_tokenizer the "
            "same folder."
        )
    return vocabularies


def _load_tokenizers(
    plan: Plan,
    encoder: PublishedCheckpoint,
    decoder: PublishedCheckpoint,
) -> TokenizerPair:
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


def _load_tokenizer(checkpoint: PublishedCheckpoint) -> PreTrainedTokenizerFast:
    tokenizer = load_tokenizer(checkpoint.folder)
    highest = max(tokenizer.get_vocab().values())
    rows = checkpoint.config.vocab_size
    if highest >= rows:
        raise WarmStartError(
            f"{checkpoint.name}: the tokenizer gives ids up to {highest}, the embedding table has {rows} rows. "
            "The tokenizer has tokens that the checkpoint was not trained with: put back its own, or give it rows for "
            f"them, in transformers by resize_token_embeddings({highest + 1})."
        )
    return ensure_pad_token(tokenizer)


@dataclass(frozen=True)
class _Wish:
    """What one side has, and what is asked for in its place.

    own: the tokenizer of its checkpoint, whose table has `table_rows` rows. is_filled: whether the plan fills the
    side's table from a checkpoint. name: the tokenizer asked for. texts: those that a trimmed vocabulary has to write.
    """

    own: PreTrainedTokenizerFast
    table_rows: int
    is_filled: bool
    name: str | None
    texts: Sequence[str]


@dataclass(frozen=True)
class _Choice:
    """One side's tokenizer, the old rows behind its table, and what was done."""

    tokenizer: PreTrainedTokenizerFast
    rows: OldRows
    notes: list[str]


def _choose_vocabularies(
    source: _Wish,
    target: _Wish,
    options: ModelOptions,
) -> Vocabularies:
    """What the options ask for in place of the checkpoints' own tokenizers; once where both sides have the same."""
    if source.own is target.own and source.name == target.name and source.table_rows == target.table_rows:
        both = _choose(replace(source, texts=[*source.texts, *target.texts]), options)
        return Vocabularies(
            tokenizers=TokenizerPair(both.tokenizer, both.tokenizer),
            source_rows=both.rows,
            target_rows=both.rows,
            notes=_name("vocabulary", both.notes),
        )
    of_source = _choose(source, options)
    of_target = _choose(target, options)
    return Vocabularies(
        tokenizers=TokenizerPair(of_source.tokenizer, of_target.tokenizer),
        source_rows=of_source.rows,
        target_rows=of_target.rows,
        notes=_name("source vocabulary", of_source.notes) + _name("target vocabulary", of_target.notes),
    )


def _choose(wish: _Wish, options: ModelOptions) -> _Choice:
    tokenizer = wish.own
    notes = []
    rows: OldRows = [(row,) for row in range(wish.table_rows)]
    tokens_of_own = max(wish.own.get_vocab().values()) + 1
    rows += [()] * (tokens_of_own - wish.table_rows)  # a pad token that the checkpoint did not have
    if wish.name is not None:
        tokenizer = ensure_pad_token(load_tokenizer(find_published_folder(wish.name)))
        rows = _match_rows(wish, tokenizer, only_whole=options.new_tokens != "pieces")
        start = _format_rows(rows, wish.table_rows) if wish.is_filled else ", all random"
        notes.append(f"{len(rows):,} tokens of {wish.name}{start}")
    if options.trim_vocabulary:
        tokens = len(tokenizer)
        tokenizer, kept = trim_tokenizer(tokenizer, wish.texts)
        notes.append(f"{len(kept):,} of {tokens:,} tokens kept, those that the data needs")
        rows = [rows[row] for row in kept]
    return _Choice(tokenizer, rows, notes)


def _match_rows(
    wish: _Wish,
    tokenizer: PreTrainedTokenizerFast,
    *,
    only_whole: bool,
) -> OldRows:
    """The old rows of each token of another tokenizer; none for a token made of pieces where `only_whole` says so."""
    rows = []
    for match in match_tokens(wish.own, tokenizer):
        # A pad token that the checkpoint did not have has no row to begin from.
        old = tuple(row for row in match if row < wish.table_rows)
        if only_whole and len(old) > 1:
            old = ()
        rows.append(old)
    return rows


def _format_rows(rows: OldRows, old: int) -> str:
    same = sum(len(row) == 1 for row in rows)
    none = sum(not row for row in rows)
    return (
        f": {same:,} begin as the same token of the old {old:,}, {len(rows) - same - none:,} as the mean of their old "
        f"pieces, {none:,} as the mean of all"
    )


def _name(what: str, notes: list[str]) -> tuple[str, ...]:
    return tuple(f"{what}: {note}" for note in notes)
