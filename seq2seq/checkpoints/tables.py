"""Whether tokenizers and embedding tables belong together: an id beyond a table fails deep in torch, another nowhere.

A table may have more rows than its tokenizer has tokens, as every published T5's; and a tokenizer may have tokens
beyond its table that no text gives, such as a pad of its own.
"""

from pathlib import Path

from transformers import PreTrainedTokenizerFast

from ..base.errors import CheckpointError
from ..modeling.token_loss import TokenLossModel
from ..text.framing import Framing, Marks
from ..text.tokenizer_files import TARGET_FOLDER
from ..text.tokenizers import TokenizerPair, find_highest_id

OWN_TOKENIZER = "Put back the tokenizer that the model was trained with"


def check_tables(
    folder: Path,
    model: TokenLossModel,
    tokenizers: TokenizerPair,
    framing: Framing,
    *,
    reads_text: bool,
    serves_both: bool,
) -> None:
    """Makes sure that every id of a source or target has a row in the table of its side.

    Args:
        reads_text: False where the encoder reads something else, by no table.
        serves_both: whether one tokenizer is known to be that of both sides, so that rows to spare make them differ.

    Raises:
        CheckpointError: an id has none, or one tokenizer stands for two vocabularies.
    """
    of_target = (framing.begin_id, *framing.target_prefix, framing.end_id, framing.pad_id)
    if reads_text:
        is_one = tokenizers.source is tokenizers.target
        if is_one and not serves_both and model.source_rows != model.target_rows:
            _check_serves_both(folder, model, tokenizers.source, of_target)
        of_source = (*framing.source_prefix, *framing.source_suffix, model.source_pad_id)
        _check_marks(folder, "encoder", model.source_rows, of_source)
        _check_tokens(folder, "encoder", tokenizers.source, model.source_rows)
    _check_marks(folder, "decoder", model.target_rows, of_target)
    _check_tokens(folder, "decoder", tokenizers.target, model.target_rows)


def _check_serves_both(
    folder: Path,
    model: TokenLossModel,
    tokenizer: PreTrainedTokenizerFast,
    of_target: Marks,
) -> None:
    """Refuses one tokenizer for tables of two sizes, unless the decoder's has more by marks that stand around targets.

    RoBERTa's table may be longer than GPT-2's by a mask alone, and every token is another.
    """
    ids = set(tokenizer.get_vocab().values())
    tokens = max(ids) + 1
    beyond = {token_id for token_id in ids if token_id >= model.source_rows}
    if tokens == model.target_rows and beyond and beyond <= set(of_target):
        return
    raise CheckpointError(
        f"{folder}: the encoder has {model.source_rows:,} rows of embeddings and the decoder {model.target_rows:,}, so "
        f"that source and target have a vocabulary each, and there is one tokenizer, of {tokens:,} tokens. Put the "
        f"target's into {TARGET_FOLDER}/ there, and the source's into the folder itself; where one does serve both, "
        "put it into both."
    )


def _check_tokens(folder: Path, side: str, tokenizer: PreTrainedTokenizerFast, rows: int) -> None:
    if len(tokenizer) <= rows and max(tokenizer.get_vocab().values()) < rows:  # nearly always
        return
    highest = find_highest_id(tokenizer)
    if highest >= rows:
        raise CheckpointError(
            f"{folder}: the tokenizer has tokens for {highest + 1:,} rows of embeddings, and the {side} has {rows:,} "
            f"rows. {OWN_TOKENIZER}; or give the model rows for the new tokens, in transformers by "
            f"resize_token_embeddings({highest + 1}), and train it on."
        )


def _check_marks(folder: Path, side: str, rows: int, marks: Marks) -> None:
    if max(marks, default=-1) >= rows:
        raise CheckpointError(
            f"{folder}: a mark around texts has id {max(marks):,}, and the {side} has {rows:,} rows of embeddings. "
            f"{OWN_TOKENIZER}, or the marks in config.json and generation_config.json."
        )
