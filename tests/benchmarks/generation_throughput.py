"""Both engines against the plain loop a user would write: sentences a second, outputs, scores, latency.

    python tests/benchmarks/generation_throughput.py --checkpoint DIR --data FILE
    python tests/benchmarks/generation_throughput.py --checkpoint DIR --data FILE --profile

DIR is a checkpoint or a run folder, of a model trained enough to end its outputs by itself. FILE holds pairs with the
columns source and target. The sides: `plain_loop` (transformers' `generate` in file order, 32 texts a batch, as loaded
by plain transformers), `transformers` (our engine), `ctranslate2` and `ctranslate2_int8` (exports). Each goes from
text to text, on the same number of cores, in one process. The sources are dealt out to rounds, and in a round one side
works while the others wait. The last line is one JSON object. --profile shows where our engine's time goes.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import seq2seq
from seq2seq.base.console import build_table, errors, output
from seq2seq.checkpoints.folder import Checkpoint
from seq2seq.data.examples import load_examples
from seq2seq.generation.loading import build_source
from seq2seq.metrics.options import EvaluationOptions
from seq2seq.metrics.scores import compute_scores
from seq2seq.text.tokenizer_files import TARGET_FOLDER

PLAIN, OURS = "plain_loop", "transformers"
SIDES = f"{PLAIN},{OURS},ctranslate2,ctranslate2_int8"
BATCH_TEXTS = 32  # of the plain loop
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Write = Callable[[Sequence[str]], list[str]]


def build_plain_loop(folder: Path, options: argparse.Namespace) -> Write:
    """What a user of transformers would write."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    target = folder / TARGET_FOLDER
    target_tokenizer = AutoTokenizer.from_pretrained(target) if target.exists() else tokenizer
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=dtype).to(DEVICE).eval()

    @torch.no_grad()
    def write(texts: Sequence[str]) -> list[str]:
        outputs = []
        for start in range(0, len(texts), BATCH_TEXTS):
            batch = list(texts[start : start + BATCH_TEXTS])
            inputs = tokenizer(batch, return_tensors="pt", padding=True, truncation=True).to(DEVICE)
            inputs.pop("token_type_ids", None)
            ids = model.generate(**inputs, num_beams=options.num_beams, max_new_tokens=options.max_target_tokens)
            outputs += [text.strip() for text in target_tokenizer.batch_decode(ids, skip_special_tokens=True)]
        return outputs

    return write


def build_side(name: str, checkpoint: Checkpoint, options: argparse.Namespace, folder: Path) -> Write:
    if name == PLAIN:
        return build_plain_loop(checkpoint.folder, options)
    model: Checkpoint | Path = checkpoint
    if name != OURS:
        quantization = name.partition("_")[2] or "float32"
        model = folder / name
        exported = seq2seq.export(checkpoint.folder, output=model, quantization=quantization, data=[options.data])
        errors().print(f"{name}: {exported}")
    search = {"num_beams": options.num_beams, "max_target_tokens": options.max_target_tokens}
    # An export has the number type that it was written in.
    precision = {"precision": options.precision} if name == OURS else {}
    generator = seq2seq.load_generator(model, **search, **precision)
    return lambda texts: generator.generate(texts).texts


def take_turns(sides: dict[str, Write], sources: Sequence[str], rounds: int) -> tuple[dict, dict]:
    """Seconds and outputs of each side."""
    seconds, outputs = dict.fromkeys(sides, 0.0), {name: [""] * len(sources) for name in sides}
    for write in sides.values():
        write(sources[:4])
    for number in range(rounds):
        for name, write in sides.items():
            begun = time.perf_counter()
            outputs[name][number::rounds] = write(sources[number::rounds])
            seconds[name] += time.perf_counter() - begun
        done = len(range(0, number + 1)) / rounds * len(sources)
        rates = "  ".join(f"{name} {done / spent:.2f}" for name, spent in seconds.items())
        errors().print(f"round {number + 1}/{rounds}, texts/s: {rates}")
    return seconds, outputs


def measure_latency(sides: dict[str, Write], sources: Sequence[str]) -> dict[str, list[float]]:
    """Milliseconds of each text alone: the median, and the 95th percentile."""
    spent: dict[str, list[float]] = {name: [] for name in sides}
    for source in sources:
        for name, write in sides.items():
            begun = time.perf_counter()
            write([source])
            spent[name].append(1000 * (time.perf_counter() - begun))
    return {
        name: [statistics.median(times), statistics.quantiles(times, n=20, method="inclusive")[-1]]
        for name, times in spent.items()
    }


def compare_sides(options: argparse.Namespace) -> dict:
    checkpoint = seq2seq.load_checkpoint(options.checkpoint)
    layout = seq2seq.read_layout(checkpoint)
    examples = load_examples([options.data], layout, build_source(checkpoint, layout))[: options.sources]
    sources = [example.source for example in examples]
    with tempfile.TemporaryDirectory() as folder:
        sides = {name: build_side(name, checkpoint, options, Path(folder)) for name in options.sides.split(",")}
        seconds, outputs = take_turns(sides, sources, options.rounds)
        latency = measure_latency(sides, sources[:: max(len(sources) // options.latency_sources, 1)])
    metrics = EvaluationOptions(**(checkpoint.description.evaluation | {"metrics": options.metrics.split(",")}))
    scores = {
        name: compute_scores(
            sources=sources, predictions=texts, references=[e.references for e in examples], options=metrics
        ).values
        for name, texts in outputs.items()
    }
    base = outputs.get(PLAIN, outputs[next(iter(outputs))])
    equal = {name: sum(map(str.__eq__, texts, base)) / len(base) for name, texts in outputs.items()}
    rates = {name: len(sources) / spent for name, spent in seconds.items()}
    first = next(iter(scores.values()))
    header = ["side", "texts/s", "equal outputs", *first, "median ms", "95% ms"]
    rows = [
        [name, f"{rates[name]:.2f}", f"{100 * equal[name]:.1f}%", *(f"{value:.2f}" for value in scores[name].values()),
         *(f"{value:.0f}" for value in latency[name])]
        for name in sides
    ]  # fmt: skip
    title = f"{len(sources)} texts, {options.num_beams} beams, {torch.get_num_threads()} threads, {DEVICE}"
    output().print(build_table(title, header, rows))
    result = {
        "sentences_per_second": rates,
        "equal_outputs": equal,
        "scores": scores,
        "latency_milliseconds": {
            name: dict(zip(("median", "p95"), pair, strict=True)) for name, pair in latency.items()
        },
    }
    for name in sides:
        if PLAIN in sides and name != PLAIN:
            ratio = "ratio_transformers_engine" if name == OURS else f"ratio_{name}"
            result[ratio] = rates[name] / rates[PLAIN]
            result[f"difference_{name}"] = {m: value - scores[PLAIN][m] for m, value in scores[name].items()}
    return result


def profile_ours(options: argparse.Namespace) -> dict[str, float]:
    """Where the time of our engine goes: the share of each operation, on one thread, as the profiler sees its own."""
    torch.set_num_threads(1)
    checkpoint = seq2seq.load_checkpoint(options.checkpoint)
    layout = seq2seq.read_layout(checkpoint)
    examples = load_examples([options.data], layout, build_source(checkpoint, layout))[: options.sources]
    write = build_side(OURS, checkpoint, options, Path())
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        write([example.source for example in examples])
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(times.values())
    shares = {key: spent / total for key, spent in sorted(times.items(), key=lambda item: -item[1])[:20]}
    rows = [[key, f"{100 * share:.1f}"] for key, share in shares.items()]
    output().print(build_table("Where the time goes", ["operation", "% of CPU time"], rows))
    return shares


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint", required=True, help="a checkpoint or a run folder")
    parser.add_argument("--data", required=True, help="pairs with the columns source and target")
    parser.add_argument("--sources", type=int, default=1024, help="how many of them, from the first")
    parser.add_argument("--latency-sources", type=int, default=50, help="how many of them alone")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--num-beams", type=int, default=4)
    parser.add_argument("--max-target-tokens", type=int, default=128)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="of the first two sides")
    parser.add_argument("--metrics", default="sari,bleu")
    parser.add_argument("--sides", default=SIDES)
    parser.add_argument("--profile", action="store_true")
    return parser


def main() -> None:
    options = build_parser().parse_args()
    print(json.dumps(profile_ours(options) if options.profile else compare_sides(options)))


if __name__ == "__main__":
    main()
