"""A tokenizer to train with."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ..base.errors import DataError
from ..base.files import write_json
from ..base.options import build_options
from ..data.options import LayoutOptions
from ..data.training_texts import Sides, read_training_texts
from ..generation.outputs import check_output
from ..text.coverage import Coverage, measure_coverage
from ..text.tokenizer_training import Kind
from ..text.tokenizer_training import train_tokenizer as train_tokenizer_on
from ..text.tokenizers import TokenizerPair


def train_tokenizer(
    data: Sequence[str],
    *,
    output: str | Path,
    kind: Kind = "unigram",
    size: int = 8000,
    lowercase: bool = False,
    character_coverage: float | None = None,
    columns: Sides = "both",
    source_column: str | Sequence[str] = "source",
    target_column: str | Sequence[str] = "target",
    header: Sequence[str] = (),
    normalization: Sequence[str] = (),
) -> dict[str, Coverage]:
    """Trains a tokenizer on the texts of data files; writes it, and coverage.json beside it, into a new folder.

    The same data and options write the same bytes.

    Args:
        data: names as under `data.train` of a recipe, or plain text files, one text a line.
        columns: which of the two sides to train on; plain text has none.
        source_column, target_column, header, normalization: as under `data` of a recipe.
        kind, size, lowercase, character_coverage: see `text.tokenizer_training.train_tokenizer`.

    Returns:
        How the tokenizer covers the texts, by column.

    Raises:
        DataError: a file is missing or broken, a column is missing, or the folder holds something already.
        TokenizerError: the texts do not give such a tokenizer.
    """
    folder = Path(output)
    check_output(folder / "coverage.json")
    if any(folder.iterdir()):
        raise DataError(f"{folder} is not empty. Choose a new folder for the tokenizer.")
    named = {"columns": {"source": source_column, "target": target_column}}
    layout = build_options(LayoutOptions, named | {"header": header, "normalization": normalization}, DataError)
    texts = read_training_texts(data, layout, sides=columns)
    everything = [text for side in texts.values() for text in side]
    tokenizer = train_tokenizer_on(
        everything, kind=kind, size=size, lowercase=lowercase, character_coverage=character_coverage
    )
    coverage = {side: measure_coverage(tokenizer, side_texts) for side, side_texts in texts.items()}
    TokenizerPair(tokenizer, tokenizer).save(folder, max_source_tokens=tokenizer.model_max_length)
    described = {"kind": kind, "size": size, "lowercase": lowercase, "data": list(data)}
    described["coverage"] = {side: asdict(row) for side, row in coverage.items()}
    write_json(folder / "coverage.json", described)
    return coverage
