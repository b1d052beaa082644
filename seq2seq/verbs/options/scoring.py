"""How files of outputs are scored: what `score` and `compare` share. Imports no torch."""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field, model_validator

from ...base.errors import ScoringError, Seq2SeqError
from ...base.objects import NAME_FORM
from ...base.options import LARGEST_SEED, Strings, build_options
from ...data.options import REFERENCES, ReferencesColumn, TableOptions
from ...metrics.bleu_tokenizers import BleuTokenizer
from ...metrics.options import EvaluationOptions
from ...metrics.table import METRICS
from ...text.normalization import Normalization
from .tables import TableChoice


class ScoringOptions(TableChoice):
    """How files of outputs are scored."""

    error: ClassVar[type[Seq2SeqError]] = ScoringError
    recipe_keys: ClassVar[Mapping[str, str]] = {
        "evaluation.metrics": "metrics",
        "evaluation.normalization": "normalization",
        "data.columns.references": "references_column",
    }

    metrics: Strings = Field(
        description=f"The metrics to compute, the headline first: any of {', '.join(METRICS)}, or {NAME_FORM} for one "
        "of your own."
    )
    normalization: Normalization = Field(
        EvaluationOptions.model_fields["normalization"].default,
        description=EvaluationOptions.model_fields["normalization"].description,
    )
    bleu_tokenizer: BleuTokenizer | None = Field(
        None, description=EvaluationOptions.model_fields["bleu_tokenizer"].description
    )
    language: str | None = Field(
        None,
        description="The language of the references, such as de or German, by whose rules rouge1_words and its kin cut "
        "words to their stems; left out, nothing is cut.",
    )
    references_column: ReferencesColumn = Field(
        REFERENCES,
        description="The column of a .jsonl that holds lists of references; a row without it has its target, and with "
        "null, as a flag an empty name, all rows have.",
    )
    seed: int = Field(
        1,
        ge=-LARGEST_SEED,
        le=LARGEST_SEED,
        description="The seed of all that is drawn: resamples of the texts, and exchanges.",
    )

    @model_validator(mode="before")
    @classmethod
    def _unfold(cls, values: Any) -> Any:
        """`options={...}`, in which metrics and normalization were given before each was an option of its own."""
        if isinstance(values, Mapping) and isinstance(together := values.get("options"), Mapping):
            return {**together, **{name: value for name, value in values.items() if name != "options"}}
        return values

    @property
    def table(self) -> TableOptions:
        """How tables among the files are read."""
        return TableOptions(delimiter=self.delimiter, quoting=self.quoting)

    @property
    def evaluation(self) -> EvaluationOptions:
        """The same as the section of a recipe.

        Raises:
            ScoringError: a metric is unknown or named twice, or there is none.
        """
        values = {name: getattr(self, name) for name in ("metrics", "normalization", "bleu_tokenizer", "language")}
        return build_options(EvaluationOptions, values)
