"""One split of a run: its ids from the cache, its texts where they are needed, and what was truncated."""

import hashlib
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from accelerate import Accelerator

from ..base.errors import TrainingError
from ..data.cache import load_encoded, prepare_entry
from ..data.empty_rows import LeftOut
from ..data.encoding import EncodedExamples
from ..data.examples import Example, show_sources
from ..data.split import Split
from ..processes.group import gather_patiently, run_once_a_machine
from ..recipe.recipe import Recipe
from ..sources.source import Source
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair


@dataclass(frozen=True)
class TextData:
    """One split as it is read and as it is stored.

    examples: as they are read, where the run writes and scores texts for them; else none.
    fingerprint: SHA-256 of the ids, and of sources and references where the run scores texts.
    ids_fingerprint: of the ids alone, which is all that the first runs noted.
    left_out: rows without text, where the recipe skips them.
    """

    split: Split
    encoded: EncodedExamples
    fingerprint: str
    ids_fingerprint: str
    examples: list[Example] = field(default_factory=list)
    left_out: LeftOut = field(default_factory=LeftOut)

    def read_first(self, count: int) -> list[Example]:
        """The first examples as they are read; no more is."""
        return list(islice(self.split.read(), max(count, 0)))

    def read_rows(self, rows: Collection[int]) -> list[Example]:
        """The examples of these numbers, from 0, in their order; nothing behind the last of them is read."""
        examples = self.examples or self.split.read()
        behind = max(rows, default=-1) + 1
        return [example for row, example in enumerate(islice(examples, behind)) if row in rows]


def load_split(
    recipe: Recipe,
    split: str,
    source: Source,
    tokenizers: TokenizerPair,
    framing: Framing,
    accelerator: Accelerator,
) -> TextData:
    """The ids of data.<split>, for which the recipe names a file; on several processes, called by all of them.

    Raises:
        DataError: a file or a row is broken.
        TrainingError: that was found by another process; or machines have different data.
    """
    described = Split(
        getattr(recipe.data, split),
        recipe.data.layout,
        source,
        tokenizers,
        framing,
        max_target_tokens=recipe.data.max_target_tokens,
    )
    folder = run_once_a_machine(accelerator, lambda: prepare_entry(described, f"tokenizing data.{split}"))
    stored = load_encoded(described, folder)
    check_same_everywhere(accelerator, split, stored.fingerprint)
    described = replace(described, tokenless=frozenset(stored.left_out.tokenless))
    fingerprint = stored.fingerprint
    examples = []
    if _is_generated_for(recipe, split):
        # Read now, so that a run of days may outlive its files.
        examples = described.load()
        fingerprint = _add_texts(fingerprint, show_sources(examples, source))
    return TextData(
        split=described,
        encoded=stored.encoded,
        fingerprint=fingerprint,
        ids_fingerprint=stored.fingerprint,
        examples=examples,
        left_out=stored.left_out,
    )


def _add_texts(fingerprint: str, examples: Sequence[Example]) -> str:
    """A fingerprint of ids, and of all that scores are computed from besides."""
    digest = hashlib.sha256(fingerprint.encode())
    for example in examples:
        texts = [example.source, *example.references]
        digest.update(json.dumps(texts).encode())
    return digest.hexdigest()


def _is_generated_for(recipe: Recipe, split: str) -> bool:
    """Whether the run writes texts for the sources of a split."""
    if split == "validation":
        return set(recipe.training.validation_metrics) != {"loss"}
    return split == "test"


def check_same_everywhere(accelerator: Accelerator, split: str, fingerprint: str) -> None:
    """Makes sure that all processes have the same data: they would make different batches and wait for each other.

    Raises:
        TrainingError: they have not.
    """
    fingerprints = gather_patiently(accelerator, fingerprint)
    for process, other in enumerate(fingerprints):
        if other != fingerprints[0]:
            raise TrainingError(
                f"data.{split}: process {process} has other data than process 0. Put the same files on all machines."
            )
