"""What `seq2seq init` found and chose, as plain objects: what a caller gets, and what display.py shows."""

from dataclasses import dataclass, field
from pathlib import Path

from ...data.duplicates import Matches
from ...data.empty_rows import LeftOut
from ...data.lengths import LengthSummary
from ...recipe.recipe import Recipe
from ..inspect.figures import Finding
from .columns import ChosenColumns


@dataclass(frozen=True)
class SideFigures:
    """The texts of one side.

    words, characters: of all rows; words are what white space parts.
    sample: the texts of evenly spaced rows, of which scripts (by name, their shares of the letters) and capitals (the
    share of texts with any) are known.
    """

    words: LengthSummary
    characters: LengthSummary
    sample: tuple[str, ...]
    scripts: dict[str, float]
    capitals: float

    @property
    def script(self) -> str:
        """The script of most letters; empty where there are none."""
        return next(iter(self.scripts), "")


@dataclass(frozen=True)
class FileFigures:
    """A file of pairs.

    form: how its cells are told apart, of a table: 'separated by commas'.
    rows: those with text; the others are in left_out.
    repeated: pairs that stand in an earlier row. sources: how many there are that differ.
    references: whether the column of that name holds lists of texts; None where there is no such column.
    """

    name: str
    form: str
    rows: int
    left_out: LeftOut
    columns: ChosenColumns
    source: SideFigures
    target: SideFigures
    repeated: Matches
    sources: int
    references: bool | None


@dataclass(frozen=True)
class SideTokens:
    """Lengths of one side in tokens, marks included, before they are cut. estimated: where no tokenizer is at hand."""

    lengths: LengthSummary
    estimated: bool


@dataclass(frozen=True)
class Setting:
    """A line of a recipe. key: its path, such as training.max_steps. why: a reason, in words."""

    key: str
    value: object
    why: str


@dataclass(frozen=True)
class Beginning:
    """Everything that `init` found, chose and wrote.

    splits: rows of each, where they are known. written: the files, the recipe first.
    """

    file: FileFigures
    source_tokens: SideTokens
    target_tokens: SideTokens
    splits: dict[str, int]
    settings: tuple[Setting, ...]
    recipe: Recipe
    path: Path
    written: tuple[Path, ...]
    seconds: float | None
    warnings: tuple[Finding, ...] = field(default=())
