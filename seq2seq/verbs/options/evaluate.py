"""The options of `evaluate`, over what the checkpoint was trained with. Imports no torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from ...base.errors import Seq2SeqError
from ...base.options import NO_FLAG, FilePath, Strings
from ...engines.options import GenerationChoice
from ...metrics.bleu_tokenizers import BleuTokenizer
from ...text.normalization import Normalization
from .fields import Overwrite
from .pairs import PairOptions


class EvaluateOptions(PairOptions, GenerationChoice):
    """Options of `evaluate`."""

    error: ClassVar[type[Seq2SeqError]] = GenerationChoice.error
    recipe_keys: ClassVar[Mapping[str, str]] = {
        "data.normalization": "normalization",
        "evaluation.metrics": "metrics",
    }

    output: FilePath = Field(
        Path("evaluation"), description="The folder to write predictions.jsonl and scores.json to."
    )
    overwrite: Overwrite = False
    metrics: Strings | None = Field(
        None, description="The metrics to compute, the headline first; left out, they are those of the checkpoint."
    )
    bleu_tokenizer: BleuTokenizer | None = Field(
        None,
        description="The tokenizer of sacrebleu that bleu counts tokens of: 13a, intl, zh, char, ja-mecab, ko-mecab or "
        "flores200; left out, it is that of the checkpoint or, if that names none, the one for the references' script.",
    )
    language: str | None = Field(
        None,
        description="The language of the references, such as de or German, by whose rules rouge1_words and its kin cut "
        "words to their stems; left out, it is that of the checkpoint.",
    )
    normalization: Annotated[Normalization | None, NO_FLAG] = Field(
        None,
        description="The normalizers that every text of the data goes through as it is read; left out, they are those "
        "of the checkpoint.",
    )
    evaluation: Annotated[dict[str, Any] | None, NO_FLAG] = Field(
        None, description="Options under `evaluation:` of a recipe, which go over those of the checkpoint."
    )

    @property
    def layout(self) -> dict[str, Any]:
        return super().layout | {"normalization": self.normalization}

    @property
    def scoring(self) -> dict[str, Any]:
        """What was chosen of how outputs are scored."""
        flags = {name: getattr(self, name) for name in ("metrics", "bleu_tokenizer", "language")}
        return (self.evaluation or {}) | {name: value for name, value in flags.items() if value is not None}
