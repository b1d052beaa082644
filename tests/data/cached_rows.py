"""Three rows, written to a file, and what a split of them gives by way of the cache."""

import json
from pathlib import Path

from seq2seq.data.cache import load_encoded, prepare_entry
from seq2seq.data.cache_entry import StoredExamples
from seq2seq.data.encoding import EncodedExamples
from seq2seq.data.split import Split

ROWS = [
    {"source": "the big red cat sat", "target": "a cat", "other": "a dog"},
    {"source": "the bird", "target": "the small bird flew and sat", "other": "a fish"},
    {"source": "a fish swam", "target": "a fish", "other": "the sea"},
]
PARTS = ["sources.lengths.bin", "sources.ids.bin", "labels.lengths.bin", "labels.ids.bin"]


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def load(split: Split) -> StoredExamples:
    return load_encoded(split, prepare_entry(split, "tokenizing"))


def build_description(encoded: EncodedExamples) -> tuple:
    return (
        *([row.tolist() for row in side] for side in (encoded.sources, encoded.labels)),
        encoded.source_truncation,
        encoded.target_truncation,
    )
