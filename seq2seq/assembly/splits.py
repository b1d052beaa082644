"""The splits of a run: read, encoded, and described with what was cut."""

import hashlib
import json
from dataclasses import dataclass

from ..data.encoding import EncodedExamples, Truncation, encode_examples
from ..data.examples import Example, load_examples
from ..recipe import Recipe
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair

DATA_HEADER = (
    "split", "pairs", "source tokens", "cut", "longest", "target tokens", "cut", "longest",
)  # fmt: skip


@dataclass(frozen=True)
class TextData:
    """One split as texts and as ids."""

    examples: list[Example]
    encoded: EncodedExamples

    def compute_fingerprint(self, *, of_texts: bool) -> str:
        """SHA-256 of the ids and, where asked for, of all that scores are computed from."""
        digest = hashlib.sha256(self.encoded.compute_fingerprint().encode())
        for example in self.examples if of_texts else ():
            digest.update(json.dumps([example.source, *example.references]).encode())
        return digest.hexdigest()


def load_split(recipe: Recipe, split: str, tokenizers: TokenizerPair, framing: Framing) -> TextData | None:
    """Reads and encodes data.<split>, or None where the recipe names no file."""
    names = getattr(recipe.data, split)
    if not names:
        return None
    examples = load_examples(names, recipe.data.columns)
    encoded = encode_examples(
        examples,
        tokenizers,
        framing,
        max_source_tokens=recipe.data.max_source_tokens,
        max_target_tokens=recipe.data.max_target_tokens,
    )
    return TextData(examples, encoded)


def describe_split(split: str, data: TextData) -> list[str]:
    """A row of the data table: split, pairs, tokens a side, truncated texts and the longest of each side."""

    def side(tokens: int, truncation: Truncation) -> list[str]:
        cut = f"{truncation.truncated:,} ({100 * truncation.share:.1f}%)"
        return [f"{tokens:,}", cut, f"{truncation.longest} of {truncation.limit}"]

    encoded = data.encoded
    return [
        split,
        f"{len(encoded):,}",
        *side(len(encoded.sources.ids), encoded.source_truncation),
        *side(len(encoded.labels.ids), encoded.target_truncation),
    ]
