"""Data at scale: ten million examples in order, and files larger than the memory that may be used.

    python tests/benchmarks/data_scale.py order                          # synthetic lengths, no files
    python tests/benchmarks/data_scale.py files --megabytes 200 1500     # needs about twice that on disk

`order` goes through one epoch: index, shuffle, batches, micro-batches for each process; and through the start of an
epoch that is resumed in its middle. `files` writes JSONL files of so many megabytes, makes their cache, and trains
nothing but builds the tensors of some hundred steps from it, under a limit on the memory that a process may allocate.
Every row is measured in a process of its own; peak memory is the resident set, in which mapped pages of the cache
count although the system can take them back. The last line is one JSON object.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    from seq2seq.text.tokenizers import TokenizerPair

BATCHES = {"batch_examples": 256, "batch_tokens": 12_000}
MICRO_BATCH_TOKENS, WINDOW, STEPS = 8192, 50, 300


def draw_lengths(count: int, typical: int, seed: int) -> numpy.ndarray:
    """Lengths up to 128 tokens, log-normal as sentences are."""
    drawn = numpy.random.default_rng(seed).lognormal(numpy.log(typical), 0.5, count)
    return numpy.clip(drawn, 1, 128).astype(numpy.int32)


def measure_order(count: int, batch: str, processes: int) -> dict:
    """Seconds and peak memory of an epoch of synthetic lengths."""
    from seq2seq.data.batching import BatchOrder, cut_micro_batches
    from seq2seq.data.ragged import RaggedIds

    lengths = [draw_lengths(count, typical, seed) for seed, typical in ((1, 27), (2, 20))]
    begun = time.perf_counter()
    # Ids that nobody touches take no memory, as those of a mapped file.
    sides = [RaggedIds.from_arrays(numpy.zeros(int(side.sum()), numpy.int32), side) for side in lengths]
    sources, targets = (side.lengths for side in sides)
    order = BatchOrder(sources, targets, seed=1, length_window=WINDOW, **{batch: BATCHES[batch]})
    batches = micro_batches = examples = 0
    for indices in order.batches(0):
        cuts = cut_micro_batches(indices, sources, targets, micro_batch_tokens=MICRO_BATCH_TOKENS, processes=processes)
        batches, examples = batches + 1, examples + len(indices)
        micro_batches += sum(map(len, cuts))
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    next(order.batches(0, batches // 2))
    resume = time.perf_counter() - begun
    if examples != count:
        raise SystemExit(f"{examples} examples came in an epoch of {count}.")
    return {
        "batch": f"{batch} {BATCHES[batch]}", "processes": processes, "examples": count, "batches": batches,
        "micro_batches": micro_batches, "seconds": seconds, "resume_seconds": resume, "peak_gb": peak_gigabytes(),
    }  # fmt: skip


def list_words() -> list[str]:
    """The words of the embedded corpus."""
    from seq2seq.embedded.corpus import load_pairs

    return sorted({word for pair in load_pairs("train")[:2000] for word in pair.source.split()})


def write_corpus(path: str, megabytes: int) -> dict:
    """Pairs of random sentences of 5 to 40 words: both, and the second alone."""
    draw, words = random.Random(1), list_words()
    sentences = [" ".join(draw.choices(words, k=draw.randint(5, 40))) for _ in range(10_000)]
    with Path(path).open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 1_000_000:
            for _ in range(1000):
                first, second = draw.choices(sentences, k=2)
                file.write(json.dumps({"source": f"{first} {second}", "target": second}) + "\n")
    return {"written_megabytes": megabytes}


def build_tokenizers(tokenizer_name: str) -> "TokenizerPair":
    """The embedded BERT's, or one of whole words, four times as fast."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from seq2seq.base.files import embedded_folder
    from seq2seq.text.tokenizers import TokenizerPair, load_tokenizers

    if tokenizer_name == "bert":
        return load_tokenizers(embedded_folder("quickstart-bert"))
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    backend = Tokenizer(models.WordLevel({word: index for index, word in enumerate([*marks, *list_words()])}, "[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    roles = dict(zip(["pad_token", "unk_token", "cls_token", "sep_token"], marks, strict=True))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, **roles)
    return TokenizerPair(tokenizer, tokenizer)


def measure_file(path: str, tokenizer_name: str, limit_megabytes: int) -> dict:
    """Rows a second and peak memory of making the cache of a file, and of building steps from it."""
    from seq2seq.data.batching import BatchOrder
    from seq2seq.data.cache import load_encoded, prepare_entry
    from seq2seq.data.loader import StepLoader
    from seq2seq.data.options import LayoutOptions
    from seq2seq.data.split import Split
    from seq2seq.sources.source import SourceContext
    from seq2seq.sources.text import TextSource
    from seq2seq.text.framing import derive_framing

    tokenizers = build_tokenizers(tokenizer_name)
    framing = derive_framing(tokenizers.target)
    source = TextSource(TextSource.Options(), SourceContext(tokenizers.source, framing, pad_id=framing.pad_id))
    split = Split((path,), LayoutOptions(), source, tokenizers, framing, 128)
    resource.setrlimit(resource.RLIMIT_DATA, (limit_megabytes * 1_000_000,) * 2)
    before = peak_gigabytes()
    begun = time.perf_counter()
    folder = prepare_entry(split, "tokenizing")
    made, peak_made = time.perf_counter() - begun, peak_gigabytes()
    if folder is None:
        raise SystemExit("The cache could not be written.")
    begun = time.perf_counter()
    encoded = load_encoded(split, prepare_entry(split, "tokenizing")).encoded
    found_seconds = time.perf_counter() - begun
    lengths = encoded.sources.lengths, encoded.labels.lengths
    order = BatchOrder(*lengths, seed=1, length_window=WINDOW, batch_examples=BATCHES["batch_examples"])
    loader = StepLoader(encoded, order, source.collate, MICRO_BATCH_TOKENS)
    begun = time.perf_counter()
    tokens = sum(step.source_tokens + step.target_tokens for step in islice(loader.steps(0, 100), STEPS))
    steps = time.perf_counter() - begun
    return {
        "tokenizer": tokenizer_name, "file_gb": Path(path).stat().st_size / 1e9, "rows": len(encoded),
        "tokens": len(encoded.sources.ids) + len(encoded.labels.ids),
        "make_seconds": made, "rows_per_second": len(encoded) / made, "find_seconds": found_seconds,
        "steps_tokens_per_second": tokens / steps, "limit_gb": limit_megabytes / 1000,
        "peak_gb_imports": before, "peak_gb_made": peak_made, "peak_gb": peak_gigabytes(),
    }  # fmt: skip


def peak_gigabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def run_alone(measure: Callable[..., dict], *arguments: object) -> dict:
    """The row of a measurement in a fresh process, printed."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        row = pool.apply(measure, arguments)
    print(
        "  ".join(
            f"{name} {value:,.2f}" if isinstance(value, float) else f"{name} {value}" for name, value in row.items()
        ),
        flush=True,
    )
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["order", "files"])
    parser.add_argument("--examples", type=int, default=10_000_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[200, 1500])
    parser.add_argument("--tokenizer", choices=["words", "bert"], default="words")
    parser.add_argument("--limit-megabytes", type=int, default=1000, help="memory that a process may allocate")
    options = parser.parse_args()
    if options.mode == "order":
        rows = [
            run_alone(measure_order, options.examples, batch, processes)
            for batch in BATCHES
            for processes in options.processes
        ]
    else:
        rows = []
        for megabytes in options.megabytes:
            with tempfile.TemporaryDirectory() as folder:
                os.environ["SEQ2SEQ_CACHE"] = folder
                path = str(Path(folder, "corpus.jsonl"))
                run_alone(write_corpus, path, megabytes)
                rows.append(run_alone(measure_file, path, options.tokenizer, options.limit_megabytes))
    print(json.dumps({"mode": options.mode, "rows": rows}))


if __name__ == "__main__":
    main()
