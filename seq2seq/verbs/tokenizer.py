"""A tokenizer to train with."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from ..base.files import folder_written_whole, write_json
from ..base.options import build_options
from ..base.signatures import takes_options
from ..data.empty_rows import LeftOut
from ..data.training_texts import read_training_texts
from ..text.coverage import Coverage, measure_coverage
from ..text.tokenizer_training import train_tokenizer as train_tokenizer_on
from ..text.tokenizers import TokenizerPair
from .early_checks import COVERAGE_FILE, check_train_tokenizer
from .options.tokenizer import TokenizerOptions


@takes_options(TokenizerOptions)
def train_tokenizer(data: Sequence[str], **given: Any) -> dict[str, Coverage]:
    """Trains a tokenizer on the texts of data files; writes it, and coverage.json beside it, into a new folder.

    The same data and options write the same bytes; what they do, `text.tokenizer_training.train_tokenizer` says.

    Returns:
        How the tokenizer covers the texts, by column.

    Raises:
        DataError: a file is missing or broken, a column is missing, or the folder holds something already that is not
            to be replaced.
        TokenizerError: the texts do not give such a tokenizer.
    """
    options = build_options(TokenizerOptions, given | {"data": data})
    check_train_tokenizer(options)
    left_out = LeftOut()
    texts = read_training_texts(options.data, options.layout, sides=options.columns, left_out=left_out)
    left_out.tell()
    everything = [text for side in texts.values() for text in side]
    chosen: dict[str, Any] = {"kind": options.kind, "size": options.size, "lowercase": options.lowercase}
    tokenizer = train_tokenizer_on(
        everything,
        **chosen,
        character_coverage=options.character_coverage,
    )
    coverage = {side: measure_coverage(tokenizer, side_texts) for side, side_texts in texts.items()}
    rows = {side: asdict(row) for side, row in coverage.items()}
    with folder_written_whole(options.output, overwrite=options.overwrite) as folder:
        TokenizerPair(tokenizer, tokenizer).save(folder, max_source_tokens=tokenizer.model_max_length)
        write_json(folder / COVERAGE_FILE, {**chosen, "data": list(options.data), "coverage": rows})
    return coverage
