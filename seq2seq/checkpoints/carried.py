"""What config.json carries for folders that transformers saves again: our description, and what tells the tokenizers.

transformers hands keys of a config that it does not know on to whatever it saves, by its Trainer and to the hub too;
seq2seq.json and target_tokenizer/ stay behind.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from transformers import PreTrainedConfig, PreTrainedTokenizerFast

from ..base.errors import CheckpointError
from ..modeling.sharing import Sharing
from ..text.framing import Framing
from ..text.tokenizer_files import TARGET_FOLDER
from ..text.tokenizers import TokenizerPair, have_equal_vocabularies
from .description import CARRIED_KEY, CheckpointDescription, find_description


@dataclass(frozen=True)
class TokenizerNotes:
    """What tells the tokenizers of a checkpoint from others.

    count: 1 where one serves both sides, else 2. vocabularies: 1 where both sides give every token the same id, else 2.
    source_marks, target_marks: the ids of the marks around texts, by token.
    """

    count: int
    vocabularies: int
    source_marks: dict[str, int]
    target_marks: dict[str, int]

    @classmethod
    def of(cls, tokenizers: TokenizerPair, framing: Framing) -> Self:
        of_source = (*framing.source_prefix, *framing.source_suffix)
        of_target = (framing.begin_id, *framing.target_prefix, framing.end_id, framing.pad_id)
        is_one = tokenizers.source is tokenizers.target
        have_one = is_one or have_equal_vocabularies(tokenizers.source, tokenizers.target)
        return cls(
            count=1 if is_one else 2,
            vocabularies=1 if have_one else 2,
            source_marks=_map_tokens(tokenizers.source, of_source),
            target_marks=_map_tokens(tokenizers.target, of_target),
        )

    def check(self, folder: Path, tokenizers: TokenizerPair) -> None:
        """Makes sure that a folder has the tokenizers, or others in which the marks have the same ids.

        Raises:
            CheckpointError: the target's is not there, or a mark is another token now.
        """
        if self.vocabularies > 1 and tokenizers.source is tokenizers.target:
            raise CheckpointError(
                f"{folder}: source and target have a vocabulary each, and there is one tokenizer, which transformers "
                f"saved alone. Copy {TARGET_FOLDER}/ there from the checkpoint that it was made of."
            )
        _check_marks(folder, tokenizers.source, self.source_marks)
        _check_marks(folder, tokenizers.target, self.target_marks)

    def list_losses(self, tokenizers: TokenizerPair) -> tuple[str, ...]:
        """What has stayed behind without harm to the texts that the model writes, for its user."""
        if self.count == 1 or tokenizers.source is not tokenizers.target:
            return ()
        return (
            f"{TARGET_FOLDER}/ stayed behind when transformers saved the folder. Texts are written as before, as both "
            "sides have one vocabulary. To train or score, copy it there: targets are now tokenized as sources are.",
        )


@dataclass(frozen=True)
class Carried:
    """What was known of a checkpoint of ours before transformers saved it again."""

    description: CheckpointDescription
    tokenizers: TokenizerNotes

    @property
    def framing(self) -> Framing:
        """The marks that the model was trained with."""
        return Framing.from_dict(self.description.framing)

    @property
    def sharing(self) -> Sharing:
        """What the sides had in common."""
        return Sharing(**self.description.sharing)


def _map_tokens(tokenizer: PreTrainedTokenizerFast, ids: Iterable[int]) -> dict[str, int]:
    """The ids by their tokens; those beyond the tokenizer, which padded tables have, left out."""
    tokens = {}
    for token_id in ids:
        token = tokenizer.convert_ids_to_tokens(token_id)
        if token is not None:
            tokens[token] = token_id
    return tokens


def _check_marks(folder: Path, tokenizer: PreTrainedTokenizerFast, marks: dict[str, int]) -> None:
    for token, token_id in marks.items():
        if tokenizer.convert_tokens_to_ids(token) != token_id:
            raise CheckpointError(
                f"{folder}: the model was trained with {token!r} as token {token_id}, and the tokenizer there has "
                f"{tokenizer.convert_ids_to_tokens(token_id)!r} in its place. Put back the model's tokenizer, or take "
                f"the key {CARRIED_KEY} out of config.json if the model was trained anew with this one."
            )


def carry(config: PreTrainedConfig, description: CheckpointDescription, tokenizers: TokenizerPair) -> None:
    """Writes into a config what it shall hand on; the step is left out, which is that of one file of weights alone."""
    notes = TokenizerNotes.of(tokenizers, Framing.from_dict(description.framing))
    carried = {"description": replace(description, step=0).to_dict(), "tokenizers": asdict(notes)}
    setattr(config, CARRIED_KEY, carried)


def find_carried(folder: Path, config: PreTrainedConfig) -> Carried | None:
    """What the config of a folder carries; None of a folder that was never ours.

    Raises:
        CheckpointError: it lacks something, or has more.
    """
    description = find_description(folder)
    if description is None:
        return None
    try:
        notes = TokenizerNotes(**getattr(config, CARRIED_KEY)["tokenizers"])
    except (KeyError, TypeError) as error:
        raise CheckpointError(
            f"{folder}: config.json: {CARRIED_KEY}.tokenizers is not what was written there ({error}). Put it back, or "
            f"take the key {CARRIED_KEY} out."
        ) from None
    return Carried(description, notes)
