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
from . import empty_rows, encoding, examples, file_kinds, json_rows, lines, ragged, readers, references, tables
from .empty_rows import LeftOut
from .encoding import EncodedExamples, encode_chunks, encode_examples
from .examples import Example, read_examples
from .file_kinds import find_kind
from .options import LayoutOptions
from .readers import find_file, is_file_name

FORMAT = 1  # of the files of an entry
# The code from bytes to ids; a changed line of it may change them.
MODULES = (
    files,
    file_kinds,
    lines,
    json_rows,
    tables,
    readers,
    columns,
    source_module,
    text_module,
    references,
    detokenization,
    normalization,
    empty_rows,
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
    """Some data names, and how their rows become what is stored of them.

    tokenless: numbers of the rows with text, from 0, that `encode` left out for their tokenizer makes nothing of them.
    """

    names: tuple[str, ...]
    layout: LayoutOptions
    source: Source
    tokenizers: TokenizerPair
    framing: Framing
    max_target_tokens: int
    tokenless: frozenset[int] = frozenset()

    @property
    def max_source_tokens(self) -> int:
        return self.source.context.max_source_tokens

    def read(self) -> Iterator[Example]:
        """Streams its examples as they are read."""
        read = read_examples(self.names, self.layout, self.source)
        if not self.tokenless:
            return read
        return (example for number, example in enumerate(read) if number not in self.tokenless)

    def load(self) -> list[Example]:
        """All its examples as they are read."""
        return list(self.read())

    def encode(self, left_out: LeftOut | None = None) -> EncodedExamples:
        """What is stored of it, in memory; rows that are left out, with or without text, go into `left_out`."""
        left_out = LeftOut() if left_out is None else left_out
        return encode_examples(
            read_examples(self.names, self.layout, self.source, left_out),
            self.source,
            self.tokenizers,
            self.framing,
            max_target_tokens=self.max_target_tokens,
            empty=self.layout.empty,
            left_out=left_out,
        )

    def encode_chunks(self, left_out: LeftOut | None = None) -> Iterator[EncodedExamples]:
        """As `encode`, some examples at a time."""
        left_out = LeftOut() if left_out is None else left_out
        return encode_chunks(
            read_examples(self.names, self.layout, self.source, left_out),
            self.source,
            self.tokenizers,
            self.framing,
            max_target_tokens=self.max_target_tokens,
            empty=self.layout.empty,
            left_out=left_out,
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
        return {"bytes": content, "format": find_kind(path), "packed": files.is_packed(path)}
