"""Samples of a validation: some of its pairs with what the model writes for them, as rows and as lines of a console."""

from dataclasses import asdict, dataclass

from rich.text import Text

from ..base.console import NARROW_WIDTH
from .markdown import show_on_one_line


@dataclass(frozen=True)
class ValidationSample:
    """One pair of the validation data, as texts, and the model's output. reference: the first, where there are more."""

    source: str
    reference: str
    output: str

    def to_row(self) -> dict[str, str]:
        """What progress.jsonl has of it: the texts as they are."""
        return asdict(self)

    def format_lines(self) -> list[str]:
        """Each text on a line that fits a narrow terminal, its beginning where it is longer. '  output     A dog …'"""
        lines = []
        for name, text in self.to_row().items():
            line = Text(f"  {name:<9}  {show_on_one_line(text)}")
            line.truncate(NARROW_WIDTH, overflow="ellipsis")  # by the width of its characters, some of which take two
            lines.append(line.plain.rstrip())
        return lines
