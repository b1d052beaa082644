"""Trimming measured on XLM-R's shape: 250,002 tokens, 12 layers of width 768, random weights.

    python tests/benchmarks/vocabulary_trimming.py --data data/translation/multi30k_en-de/train.jsonl.gz

The tokens are those of a unigram model trained on the data, filled up with tokens that it does not need, as a
vocabulary of a hundred languages is for two. Prints the parameters and the seconds, and the largest difference between
the logits of kept tokens before and after; the last line is one JSON object. Needs about 6 GB of memory.
"""

import argparse
import itertools
import json
import tempfile
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

import seq2seq
from seq2seq.data.examples import load_examples
from seq2seq.data.options import LayoutOptions
from seq2seq.sources.text import build_reader
from seq2seq.text.tokenizer_training import train_tokenizer
from seq2seq.text.tokenizers import encode_texts
from seq2seq.warmstart.start import WarmStart
from seq2seq.warmstart.vocabulary import Corpus

ROWS = 250_002
MARKS = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]  # XLM-R's first four


def save_checkpoint(folder: Path, texts: list[str]) -> None:
    """An XLM-R base of random weights whose vocabulary holds the tokens that the texts need."""
    trained = train_tokenizer(texts, kind="unigram", size=12_000)
    layout = json.loads(trained.backend_tokenizer.to_str())
    pieces = [piece for piece in layout["model"]["vocab"] if not piece[0].startswith("<")]
    known = {piece for piece, _ in pieces}
    fillers = ("".join(letters) for letters in itertools.product("qxzjkvwyph", repeat=6))
    pieces += [(filler, -50.0) for filler in itertools.islice((f for f in fillers if f not in known), ROWS)]
    layout["model"] |= {"vocab": [*MARKS, *pieces][:ROWS], "unk_id": 3, "byte_fallback": False}
    layout["added_tokens"] = []
    roles = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    backend = Tokenizer.from_str(json.dumps(layout))
    PreTrainedTokenizerFast(tokenizer_object=backend, **roles).save_pretrained(folder)
    torch.manual_seed(1)
    config = XLMRobertaConfig(vocab_size=ROWS, max_position_embeddings=514, type_vocab_size=1)
    XLMRobertaModel(config).save_pretrained(folder)


def compute_logits(started: WarmStart, source: str, target: str) -> torch.Tensor:
    """Logits (T, V) of one pair."""
    tokenizer = started.tokenizers.target
    source_ids, target_ids = (torch.tensor(encode_texts(tokenizer, [text])) for text in (source, target))
    with torch.no_grad():
        return started.model(input_ids=source_ids, decoder_input_ids=target_ids).logits[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, help="pairs with the columns source and target")
    parser.add_argument("--pairs", type=int, default=20, help="pairs whose logits are compared")
    options = parser.parse_args()
    examples = load_examples([options.data], LayoutOptions(), build_reader())
    corpus = Corpus([example.source for example in examples], [example.target for example in examples])
    with tempfile.TemporaryDirectory() as folder:
        save_checkpoint(Path(folder), [*corpus.sources, *corpus.targets])
        plan = {"plan": "robertashare", "encoder": folder, "cross_attention": "copied"}  # nothing drawn at random
        whole = seq2seq.warm_start(**plan)
        begun = time.perf_counter()
        trimmed = seq2seq.warm_start(**plan, trim_vocabulary=True, corpus=corpus)
        seconds = time.perf_counter() - begun
    old, new = whole.tokenizers.target.get_vocab(), trimmed.tokenizers.target.get_vocab()
    kept = [old[token] for token in sorted(new, key=new.get)]
    differences, largest = [], []
    for example in examples[: options.pairs]:
        before = compute_logits(whole, example.source, example.target)[:, kept]
        differences.append((before - compute_logits(trimmed, example.source, example.target)).abs().max().item())
        largest.append(before.abs().max().item())
    totals = [started.origin.totals()["total"] for started in (whole, trimmed)]
    print(f"{len(old):,} tokens, {totals[0]:,} parameters -> {len(new):,} tokens, {totals[1]:,} parameters")
    result = {
        "tokens_before": len(old),
        "tokens_after": len(new),
        "parameters_before": totals[0],
        "parameters_after": totals[1],
        "parameters_saved": 1 - totals[1] / totals[0],
        "largest_logit_difference": max(differences),
        "largest_logit": max(largest),
        "seconds": seconds,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
