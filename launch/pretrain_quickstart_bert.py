"""Pre-trains the tiny BERT of the quickstart: python launch/pretrain_quickstart_bert.py --output DIR

Masked language modelling (Devlin et al. 2019) on single lines of the quickstart grammar: of every pair drawn either the
source or the target, never a word in a template for which it is held out. The result ships as
seq2seq/embedded/quickstart_bert. Half of the lines carry [CLS] and [SEP], half are bare, as our sources are.
"""

import argparse
import itertools
import json
import random
import time
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from seq2seq.embedded.corpus import generate_pairs, load_pairs

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PRETRAINING_SEED = 2  # the training split of the quickstart is drawn with seed 1


def generate_lines(count: int) -> list[str]:
    """`count` single texts, source or target of a pair by a coin, none of them a text of a held-out pair."""
    rng = random.Random(PRETRAINING_SEED)
    pairs = generate_pairs(held_out=False, seed=PRETRAINING_SEED)
    lines = [rng.choice((pair.source, pair.target)) for pair in itertools.islice(pairs, count)]
    held_out = set()
    for pair in load_pairs("validation") + load_pairs("test"):
        held_out |= {pair.source, pair.target}
    overlap = held_out.intersection(lines)
    if overlap:
        raise SystemExit(f"{len(overlap)} held-out texts are in the pre-training text, for instance {overlap.pop()!r}")
    return lines


def train_tokenizer(lines: list[str], vocabulary_size: int) -> Tokenizer:
    """A cased WordPiece tokenizer that frames single texts as [CLS] text [SEP], as BERT's does."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    # Letters and marks that the grammar never writes get a piece too, so that a user's own sentence has no [UNK].
    alphabet = [chr(code) for code in range(33, 127)]
    trainer = trainers.WordPieceTrainer(
        vocab_size=vocabulary_size,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        special_tokens=[(t, tokenizer.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    return tokenizer


def mask_tokens(ids: torch.Tensor, special: torch.Tensor, mask_id: int, vocabulary_size: int):
    """BERT's masking: 15% of the real tokens are predicted; of these 80% masked, 10% random, 10% left."""
    chosen = (torch.rand(ids.shape) < 0.15) & ~special
    labels = torch.where(chosen, ids, -100)  # -100: no loss there
    chance = torch.rand(ids.shape)
    masked = torch.where(chosen & (chance < 0.8), mask_id, ids)
    noise = torch.randint(len(SPECIAL_TOKENS), vocabulary_size, ids.shape)
    inputs = torch.where(chosen & (chance >= 0.9), noise, masked)
    return inputs, labels


def build_batch(token_ids: list[list[int]], framed: list[bool]):
    """Pads rows of ids (framed by [CLS] 2 and [SEP] 3 where asked) to (batch, longest)."""
    rows = [[2, *ids, 3] if frame else ids for ids, frame in zip(token_ids, framed, strict=True)]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    return ids, ids.ne(0).long()


def shuffle_batches(encoded: list[list[int]], batch_lines: int, rng: random.Random):
    """Batches of lines of like lengths: sorted within windows of 50 batches, the batches of a window shuffled."""
    window = 50 * batch_lines
    for offset in range(0, len(encoded), window):
        rows = sorted(encoded[offset : offset + window], key=len)
        batches = [rows[start : start + batch_lines] for start in range(0, len(rows), batch_lines)]
        rng.shuffle(batches)
        yield from batches


def build_model(options: argparse.Namespace, vocabulary_size: int) -> BertForMaskedLM:
    config = BertConfig(
        vocab_size=vocabulary_size,
        hidden_size=options.hidden_size,
        num_hidden_layers=options.layers,
        num_attention_heads=options.hidden_size // 32,
        intermediate_size=4 * options.hidden_size,
        max_position_embeddings=128,
        type_vocab_size=1,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    return BertForMaskedLM(config)


def train(model: BertForMaskedLM, encoded: list[list[int]], options: argparse.Namespace):
    """Trains on every line once; returns the number of updates and of tokens."""
    rng = random.Random(PRETRAINING_SEED)
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=0.01)
    warmup = options.steps // 20

    def rate(done: int) -> float:
        """A linear rise, then a linear fall to zero."""
        return min((done + 1) / warmup, (options.steps - done) / (options.steps - warmup))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    started = time.monotonic()
    running = 0.0
    tokens = 0
    step = 0
    for batch in shuffle_batches(encoded, options.batch_lines, rng):
        ids, attention_mask = build_batch(batch, [rng.random() < 0.5 for _ in batch])
        inputs, labels = mask_tokens(ids, ids < len(SPECIAL_TOKENS), 4, model.config.vocab_size)
        loss = model(input_ids=inputs, attention_mask=attention_mask, labels=labels).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        step += 1
        running += loss.item()
        tokens += int(attention_mask.sum())
        if step % 200 == 0:
            seconds = time.monotonic() - started
            print(f"step {step} loss {running / 200:.4f} tokens {tokens} seconds {seconds:.0f}", flush=True)
            running = 0.0
    return step, tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--batch-lines", type=int, default=64)
    parser.add_argument("--vocabulary-size", type=int, default=1000)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--learning-rate", type=float, default=1.5e-3)
    options = parser.parse_args()
    torch.manual_seed(PRETRAINING_SEED)
    lines = generate_lines(options.steps * options.batch_lines)
    tokenizer = train_tokenizer(lines[:50_000], options.vocabulary_size)
    encoded = [encoding.ids for encoding in tokenizer.encode_batch_fast(lines, add_special_tokens=False)]
    model = build_model(options, tokenizer.get_vocab_size())
    steps, tokens = train(model, encoded, options)
    model.config.dtype = "float32"
    model.save_pretrained(options.output)
    BertTokenizer(tokenizer_object=tokenizer, do_lower_case=False, model_max_length=128).save_pretrained(options.output)
    facts = {
        "lines": len(lines),
        "tokens": tokens,
        "steps": steps,
        "final_learning_rate": options.learning_rate,
        "parameters": model.num_parameters(),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
