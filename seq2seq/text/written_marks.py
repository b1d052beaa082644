"""Marks that stand in texts: somebody wrote '[SEP]', and the tokenizer reads its letters. Knows no tokenizers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass
class WrittenMarks:
    """How many texts hold a mark, and how many hold each of those that some do."""

    texts: int = 0
    by_mark: dict[str, int] = field(default_factory=dict)

    def count(self, marks: Sequence[str], texts: Iterable[str]) -> None:
        """Counts further texts."""
        for text in texts:
            written = [mark for mark in marks if mark in text]
            self.texts += bool(written)
            for mark in written:
                self.by_mark[mark] = self.by_mark.get(mark, 0) + 1
