"""A split as a recipe describes it: the rows, and everything that what is stored depends on, with a key made of that.

The key is what makes cached ids never stale: nothing that has a say in the ids is left out of it.
"""

import hashlib
import inspect
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import tokenizers as tokenizers_library

from ..base import files
from ..base.errors import DataError
from ..sources import columns
from ..sources import source as source_module
from ..sources import text as text_module
from ..sources.source import Source
from ..text import detokenization, normalization
from ..text import framing as framing_module
from ..text import tokenizers as tokenizers_module
from ..text.framing import Framing
from ..text.tokenizers import TokenizerPair
from . import encoding, examples, ragged, readers, references
from .encoding import EncodedExamples, encode_chunks, encode_examples
from .examples import Example, load_examples, read_examples
from .options import LayoutOptions
from .readers import find_file, find_format, is_file_name

FORMAT = 1  # of the files of an entry
# The code from bytes to ids; a changed line of it may change them.
MODULES = (
    files,
    readers,
    columns,
    source_module,
    text_module,
    references,
    detokenization,
    normalization,
    examples,
    encoding,
    ragged,
    tokenizers_module,
    framing_module,
)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def _hash_code() -> str:
    """Of the code that is running: who edits a file later still runs what was imported."""
    return _hash("".join(map(inspect.getsource, MODULES)))


@dataclass(frozen=True)
class Split:
    """Some data names, and how their rows become what is stored of them."""

    names: tuple[str, ...]
    layout: LayoutOptions
    source: Source
    tokenizers: TokenizerPair
    framing: Framing
    max_target_tokens: int

    @property
    def max_source_tokens(self) -> int:
        return self.source.context.max_source_tokens

    def read(self) -> Iterator[Example]:
        """Streams its examples as they are read."""
        return read_examples(self.names, self.layout, self.source)

    def load(self) -> list[Example]:
        """All its examples as they are read."""
        return load_examples(self.names, self.layout, self.source)

    def encode(self) -> EncodedExamples:
        """What is stored of it, in memory."""
        return encode_examples(
            self.read(),
            self.source,
            self.tokenizers,
            self.framing,
            max_target_tokens=self.max_target_tokens,
        )

    def encode_chunks(self) -> Iterator[EncodedExamples]:
        """What is stored of it, some examples at a time."""
        return encode_chunks(
            self.read(),
            self.source,
            self.tokenizers,
            self.framing,
            max_target_tokens=self.max_target_tokens,
        )

    def compute_key(self) -> str:
        """SHA-256 of everything that its ids depend on. Reads all its files; paths are no part of it.

        Raises:
            DataError: a file is missing or cannot be read.
        """
        described = {
            "format": FORMAT,
            # An entry holds arrays as they lie in memory.
            "byte_order": sys.byteorder,
            "code": _hash_code(),
            "tokenizers_library": tokenizers_library.__version__,
            "data": [self._summarize_content(name) for name in self.names],
            "layout": self.layout.model_dump(mode="json"),
            "source": self.source.to_key(),
            "target_tokenizer": _hash(self.tokenizers.target.backend_tokenizer.to_str()),
            "framing": self.framing.to_dict(),
            "max_source_tokens": self.max_source_tokens,
            "max_target_tokens": self.max_target_tokens,
        }
        return _hash(json.dumps(described, sort_keys=True))

    def _summarize_content(self, name: str) -> dict[str, Any]:
        """What a file holds and how it is read; of other names, whose bytes are not at hand, the texts themselves."""
        if not is_file_name(name):
            digest = hashlib.sha256()
            for example in read_examples([name], self.layout, self.source):
                source = self.source.identify(example.source)
                digest.update(json.dumps([source, example.target, example.references]).encode() + b"\n")
            return {"rows": digest.hexdigest()}
        path = find_file(name)
        try:
            content = files.compute_sha256(path)
        except OSError as error:
            raise DataError(f"{path}: reading failed: {error}.") from None
        return {"bytes": content, "format": find_format(path), "packed": path.suffix == ".gz"}
