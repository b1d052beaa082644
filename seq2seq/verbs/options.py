"""The options of every verb, from which its keywords, its flags and its help are made. Imports no torch.

Those of `train` and `inspect` stand beside a recipe, those of generation over what the checkpoint was trained with.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, get_args

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from ..base.errors import (
    AnalysisError,
    CheckpointError,
    ExportError,
    HubError,
    RecipeError,
    ScoringError,
    Seq2SeqError,
    TokenizerError,
    TrainingError,
)
from ..base.hub_terms import check_languages, check_license
from ..base.objects import NAME_FORM
from ..base.options import LARGEST_SEED, MOST, NO_FLAG, FileName, FilePath, Flag, Options, Strings, build_options
from ..data.options import (
    REFERENCES,
    ColumnChoice,
    Columns,
    Delimiter,
    EmptyRows,
    Header,
    LayoutOptions,
    Quoting,
    ReferencesColumn,
    TableOptions,
)
from ..data.training_texts import Sides
from ..engines.choices import EngineName
from ..engines.export_options import Format, Quantization
from ..engines.options import GenerationChoice, SourceChoice
from ..generation.windows import WINDOW_TEXTS
from ..metrics.bleu_tokenizers import BleuTokenizer
from ..metrics.options import EvaluationOptions
from ..metrics.significance import TRIALS
from ..metrics.table import METRICS
from ..text.normalization import Normalization
from ..text.options import Kind
from ..warmstart.options import PlanName

Overwrite = Annotated[
    bool, Field(description="Whether to replace an earlier output; without it, what is there is left and refused.")
]
Files = Annotated[Strings, Flag(repeated=True)]
SomeFiles = Annotated[Strings | None, Flag(repeated=True)]


class TableChoice(Options):
    """How a command reads CSV and TSV files, where it is not as their checkpoint or their first lines say."""

    recipe_keys: ClassVar[Mapping[str, str]] = {"data.delimiter": "delimiter", "data.quoting": "quoting"}

    delimiter: Delimiter | None = Field(
        None,
        description="The character between the cells of CSV and TSV files, or its name: comma, semicolon, tab or pipe; "
        "left out, it is that of the checkpoint, if any, else it is found in the first 1,000 lines.",
    )
    quoting: Quoting | None = Field(
        None,
        description="Whether quotation marks in CSV and TSV files stand around cells (quoted) or are text (none); left "
        "out, it is as the checkpoint says, if any, else as the first 1,000 lines show.",
    )


class TrainOptions(Options):
    """Options of `train`."""

    error: ClassVar[type[Seq2SeqError]] = TrainingError

    resume: bool = Field(
        False,
        description="Whether to go on from the newest whole checkpoint of the run folder; a run that is not there yet "
        "begins.",
    )


class InspectOptions(Options):
    """Options of `inspect`."""

    error: ClassVar[type[Seq2SeqError]] = RecipeError

    examples: int = Field(
        2,
        ge=0,
        le=MOST,
        description="How many rows of each split are shown as the model sees them.",
    )
    time: bool = Field(
        True, description="Whether to run some updates and outputs, for half a minute at most, to estimate the time."
    )
    figures: Annotated[FilePath | None, Flag("--json")] = Field(
        None, description="A file to write all figures to, as JSON."
    )
    overwrite: Overwrite = False


class InitOptions(TableChoice):
    """Options of `init`."""

    error: ClassVar[type[Seq2SeqError]] = RecipeError
    recipe_keys: ClassVar[Mapping[str, str]] = {
        "data.columns.source": "source_column",
        "data.columns.target": "target_column",
        "data.header": "header",
        "data.validation": "validation",
        "data.test": "test",
    }

    output: FilePath | None = Field(
        None,
        description="The folder to write the recipe and the splits to, or the recipe's own path, ending in .yaml; left "
        "out, it is a folder called like the file. Nothing that is there is replaced.",
    )
    source_column: Columns | None = Field(
        None, description="The column that holds the sources, of several their texts joined; left out, it is guessed."
    )
    target_column: Columns | None = Field(
        None, description="The column that holds the targets, of several their texts joined; left out, it is guessed."
    )
    header: Header = Field((), description="The names of the columns of CSV and TSV files without a header line.")
    task: str | None = Field(
        None,
        description="What is to be written: a task, or package.module:OBJECT for one of your own; left out, it is "
        "guessed from names, scripts and lengths.",
    )
    validation: SomeFiles = Field(
        None, description="The pairs to validate with; left out, some of the file are set aside."
    )
    test: SomeFiles = Field(None, description="The pairs to test with; left out, some of the file are set aside.")
    plan: str | None = Field(
        None, description="How the model is warm-started; left out, it is the one for the checkpoints."
    )
    encoder: str | None = Field(
        None,
        description="The encoder's checkpoint, a folder or a hub name; left out, it is a BERT for the texts' scripts.",
    )
    decoder: str | None = Field(
        None, description="The decoder's checkpoint, a folder or a hub name; left out, it is the encoder's."
    )
    checkpoint: str | None = Field(
        None,
        validate_default=True,
        description="An encoder-decoder to train on, in place of encoder and decoder: a folder or a hub name.",
    )
    seed: int = Field(
        1, ge=0, le=LARGEST_SEED, description="The seed by which pairs are set aside, and that of the recipe."
    )

    @property
    def table(self) -> TableOptions:
        """How tables are read."""
        return TableOptions(header=self.header, delimiter=self.delimiter, quoting=self.quoting)

    @field_validator("plan")
    @classmethod
    def _check_plan(cls, plan: str | None) -> str | None:  # as a type of its own, a flag's help would list them all
        if plan is not None and plan not in get_args(PlanName):
            raise ValueError(f"expected one of {', '.join(get_args(PlanName))}")
        return plan

    @field_validator("checkpoint")
    @classmethod
    def _check_alone(cls, checkpoint: str | None, info: ValidationInfo) -> str | None:
        others = [name for name in ("encoder", "decoder") if info.data.get(name) is not None]
        others += ["plan"] if info.data.get("plan") not in (None, "pretrained") else []
        if checkpoint is not None and others:
            raise ValueError(f"is trained on as it is; leave {' and '.join(others)} out")
        if checkpoint is None and info.data.get("plan") == "pretrained":
            raise ValueError("plan pretrained needs one: a run folder, a checkpoint folder or a hub name")
        return checkpoint


class GenerateFileOptions(TableChoice, GenerationChoice):
    """Options of `generate_file`."""

    recipe_keys: ClassVar[Mapping[str, str]] = {"data.columns.source": "columns", "data.header": "header"}

    output: FilePath = Field(
        Path("-"), description="The file to write, by its name plain text or .jsonl; - is standard output."
    )
    overwrite: Overwrite = False
    columns: Annotated[Strings | None, Flag("--column")] = Field(
        None, description="The columns of rows that hold the source; left out, they are those of the checkpoint."
    )
    header: Header | None = Field(
        None,
        description="The names of the columns of CSV and TSV files without a header line; left out, they are those of "
        "the checkpoint.",
    )
    engine: EngineName | None = Field(
        None,
        description="The engine to run the checkpoint with: transformers, ctranslate2 or package.module:CLASS; left "
        "out, it is the one that the checkpoint is for.",
    )
    resume: bool = Field(
        False, description="Whether to go on with an output that was not finished, from where it was written to."
    )
    strict: bool = Field(
        False,
        description="Whether to refuse texts that would be truncated, and what is no text in UTF-8, which otherwise is "
        "mended.",
    )
    window_texts: Annotated[int, Flag("--window")] = Field(
        WINDOW_TEXTS,
        ge=1,
        le=MOST,
        description="How many texts each process sorts by length and writes together; fewer appear sooner, more pad "
        "less.",
    )


class PairOptions(TableChoice, SourceChoice):
    """Which pairs a checkpoint is measured on, and how they are read."""

    recipe_keys: ClassVar[Mapping[str, str]] = {
        "data.columns": "columns",
        "data.header": "header",
        "data.empty": "empty",
    }

    data: Files = Field(
        description="The data files, named as in a recipe: a file, hub:NAME:CONFIG:SPLIT or embedded:quickstart:SPLIT."
    )
    columns: Annotated[ColumnChoice | None, Flag("--{}-column")] = Field(
        None,
        description="The columns that hold source, target and references; what is left out is as the checkpoint says.",
    )
    header: Header | None = Field(
        None,
        description="The names of the columns of CSV and TSV files without a header line; left out, they are those of "
        "the checkpoint.",
    )
    empty: EmptyRows | None = Field(
        None,
        description="What becomes of rows with an empty source, target or reference: refuse lists them and stops, skip "
        "leaves them out and says how many; left out, it is as the checkpoint says.",
    )

    @property
    def layout(self) -> dict[str, Any]:
        """What was chosen of how rows are read."""
        columns = None
        if self.columns is not None:
            columns = self.columns.model_dump(exclude_none=True)
            if "references" in self.columns.model_fields_set:  # there None is a choice: no column
                columns["references"] = self.columns.references
        return {
            "columns": columns,
            "header": self.header,
            "delimiter": self.delimiter,
            "quoting": self.quoting,
            "empty": self.empty,
        }


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


class ScoreOptions(ScoringOptions):
    """Options of `score`."""

    predictions: FileName = Field(
        description="The texts to score, one a line, or .jsonl with a column 'prediction', as runs write it."
    )
    references: FileName = Field(
        description="What they are compared with, one text a line, or .jsonl with 'references' or 'target'."
    )
    sources: FileName | None = Field(
        None,
        description="The sources, one a line, or .jsonl with 'source'; left out, they are those of the .jsonl of "
        "predictions, if any.",
    )
    checkpoint: FileName | None = Field(
        None, description="A checkpoint whose tokenizer's ceiling is shown too: the references written and read by it."
    )
    intervals: bool = Field(
        True, description="Whether to compute intervals, of 95%, by 1,000 bootstrap resamples of the texts."
    )


class CompareOptions(ScoringOptions):
    """Options of `compare`."""

    references: FileName | None = Field(
        None,
        description="What both are compared with, one text a line, or .jsonl with 'references' or 'target'; left out, "
        "it is what stands in both files.",
    )
    sources: FileName | None = Field(
        None,
        description="The sources, one a line, or .jsonl with 'source'; left out, they are those that stand in both "
        "files, if any.",
    )
    trials: int = Field(
        TRIALS,
        ge=1,
        le=10**6,
        description="How many random exchanges of outputs the p-value counts; it cannot be below 1 / (trials + 1).",
    )


class ReportOptions(Options):
    """Options of `report`."""

    error: ClassVar[type[Seq2SeqError]] = ScoringError

    output: FilePath | None = Field(
        None,
        description="The folder to write the comparison of several runs to, as README.md with its picture; left out "
        "for one run, whose own card is written.",
    )
    overwrite: Overwrite = False
    samples: int = Field(
        3,
        ge=0,
        le=MOST,
        description="How many test rows are shown with the outputs of every run.",
    )


class PruneOptions(PairOptions):
    """Options of `prune`."""

    error: ClassVar[type[Seq2SeqError]] = AnalysisError
    recipe_keys: ClassVar[Mapping[str, str]] = {"evaluation.metrics": "metrics"}

    output: FilePath = Field(description="The checkpoint folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    keep: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="The share of heads that stays, of those in the layers that stay; left out, all stay.",
    )
    encoder_layers: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="How many layers of the encoder stay; left out, all stay.",
    )
    decoder_layers: int | None = Field(
        None,
        ge=1,
        le=MOST,
        description="How many layers of the decoder stay; left out, all stay.",
    )
    per_round: float = Field(
        0.1,
        gt=0,
        le=1,
        description="The share of all heads that goes in a round, before the rest is weighed anew.",
    )
    normalized: bool = Field(
        False, description="Whether a head is ranked by its importance divided by the l2 norm of its layer."
    )
    test: SomeFiles = Field(
        None, description="The pairs that the curve is measured on, named like the data; left out, they are the data."
    )
    metrics: Strings = Field(
        (),
        description="The metrics of the curve beside the loss; for each, the model writes texts for all test pairs at "
        "every point.",
    )
    curve: bool = Field(
        True, description="Whether losses are measured as heads go, with a random order of heads beside."
    )
    seed: int = Field(1, ge=-LARGEST_SEED, le=LARGEST_SEED, description="The seed of the random order.")
    batch_tokens: int = Field(
        4096,
        gt=0,
        le=MOST,
        description="How large a batch may be, by which memory is bounded: pairs x (longest source + longest target).",
    )


class HeadsOptions(PairOptions):
    """Options of `analyze_heads`."""

    error: ClassVar[type[Seq2SeqError]] = AnalysisError

    output: FilePath = Field(Path("analysis"), description="The folder to write heads.json and heads.png to.")
    overwrite: Overwrite = False
    normalized: bool = Field(
        False, description="Whether the importance of a head is divided by the l2 norm of its layer."
    )
    batch_tokens: int = Field(
        4096,
        gt=0,
        le=MOST,
        description="How large a batch may be, by which memory is bounded: pairs x (longest source + longest target).",
    )


class AttentionOptions(GenerationChoice):
    """Options of `analyze_attention`."""

    output: FilePath = Field(
        Path("analysis"), description="The folder to write the page, the figures, the tensors and the pictures to."
    )
    overwrite: Overwrite = False
    pictures: bool = Field(True, description="Whether a PNG is drawn for each layer.")


class ExportOptions(Options):
    """Options of `export`."""

    error: ClassVar[type[Seq2SeqError]] = ExportError

    output: FilePath = Field(description="The folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    format: Format = Field(
        "ctranslate2",
        description="What is to load it: ctranslate2, transformers, or an engine of your own as package.module:CLASS.",
    )
    quantization: Quantization = Field(
        "float32",
        description="The type of the numbers in the weights, for ctranslate2; all but float32 change the outputs a "
        "little.",
    )
    data: SomeFiles = Field(
        None,
        description="The data files whose first pairs the export is compared on with the model; left out, they are "
        "pairs of the embedded corpus.",
    )


class AverageOptions(Options):
    """Options of `average`."""

    error: ClassVar[type[Seq2SeqError]] = CheckpointError

    output: FilePath = Field(description="The checkpoint folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    last: int | None = Field(
        None,
        ge=2,
        le=MOST,
        description="How many of the newest checkpoints of one run folder are averaged, in place of names.",
    )


class PushOptions(Options):
    """Options of `push`."""

    error: ClassVar[type[Seq2SeqError]] = HubError

    license: Annotated[str, AfterValidator(check_license)] | None = Field(
        None,
        description="The license of the model, as the hub names it: apache-2.0, mit, cc-by-4.0 and so on, or other. No "
        "run knows it, so it has to be given.",
    )
    license_name: str | None = Field(
        None, description="The name of a license that the hub has no name for; license is then other."
    )
    license_link: str | None = Field(None, description="The address of the text of such a license.")
    language: Annotated[Strings, AfterValidator(check_languages)] | None = Field(
        None,
        description="The languages of the texts, by their codes in ISO 639, such as de or gsw, or multilingual; left "
        "out, those that the recipe names, if any.",
    )
    datasets: Strings | None = Field(
        None,
        description="The data sets on the hub that the model was trained on, or none; left out, those of the recipe, "
        "where all of its training data are the hub's.",
    )
    private: bool = Field(
        False, description="Whether a new repository can be seen by its owners alone; one that is public is refused."
    )
    revision: str | None = Field(
        None,
        description="The branch to upload to, which is made where it is not there, or refs/pr/N; left out, it is main.",
    )
    message: str | None = Field(
        None, description="The first line of the commit; left out, it names the step of the checkpoint."
    )
    samples: bool = Field(
        False,
        description="Whether the card shows some test texts with the model's outputs, which may be nobody else's "
        "business.",
    )
    dry_run: bool = Field(
        False, description="Whether the files and the card are only shown, and nothing is uploaded; needs no network."
    )


class TokenizerOptions(TableChoice):
    """Options of `train_tokenizer`."""

    error: ClassVar[type[Seq2SeqError]] = TokenizerError
    recipe_keys: ClassVar[Mapping[str, str]] = {
        "data.columns.source": "source_column",
        "data.columns.target": "target_column",
        "data.header": "header",
        "data.normalization": "normalization",
        "data.empty": "empty",
    }

    data: Files = Field(
        description="The texts to train on: data files, named as in a recipe, or plain text, one text a line."
    )
    output: FilePath = Field(description="The folder to write; it must be new or empty.")
    overwrite: Overwrite = False
    kind: Kind = Field("unigram", description="How texts are split: by unigram, bpe or wordpiece.")
    size: int = Field(
        8000, gt=0, le=2_000_000, description="How many tokens there are, special ones and bytes among them."
    )
    lowercase: bool = Field(False, description="Whether every text is lower-cased; accents stay.")
    character_coverage: float | None = Field(
        None,
        ge=0.98,
        le=1,
        description="The share of all characters that the alphabet must hold, 0.98 to 1; left out, 0.9995 where bytes "
        "stand in for the rest, and 1 for wordpiece.",
    )
    columns: Sides = Field(
        "both", description="Which sides of the pairs are trained on: both, source or target; plain text has none."
    )
    source_column: Columns = Field(
        ("source",),
        description="The column that holds the sources; of several, the texts that are there are joined by a space.",
    )
    target_column: Columns = Field(
        ("target",),
        description="The column that holds the targets; of several, the texts that are there are joined by a space.",
    )
    header: Header = Field((), description="The names of the columns of CSV and TSV files without a header line.")
    normalization: Normalization = Field(
        (),
        description="The normalizers that every text goes through as it is read, as under data.normalization of a "
        "recipe.",
    )
    empty: EmptyRows = Field(
        "refuse",
        description="What becomes of rows with an empty text: refuse lists them and stops, skip leaves them out and "
        "says how many.",
    )

    @property
    def layout(self) -> LayoutOptions:
        """How rows are read."""
        columns = {"source": self.source_column, "target": self.target_column}
        return LayoutOptions(
            columns=columns,
            header=self.header,
            delimiter=self.delimiter,
            quoting=self.quoting,
            normalization=self.normalization,
            empty=self.empty,
        )
