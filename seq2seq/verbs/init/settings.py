"""The settings of a recipe for a file of pairs, each with why: lengths, sizes, the recipes that ship, a CPU's time.

Knows no file on disk.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy

from ...base.formats import format_count, format_seconds, format_share
from ...data.lengths import LengthSummary, summarize_lengths
from ...metrics.options import EvaluationOptions
from ...text.round_trip import measure_round_trip
from ...text.tokenizers import encode_texts
from ..inspect.warnings import LOW_CEILING
from .figures import FileFigures, Setting, SideFigures, SideTokens
from .start import Origin
from .task import GuessedTask, has_labels

# Measured on 1,000 rows each of seven data sets, November 2026: English takes a token for 3.6 to 5.2 characters, German
# in an English vocabulary 2.7; a Chinese or Japanese character is one.
CHARACTERS_A_TOKEN = {"Latin": 4.0, "Han": 1.0, "Hiragana": 1.0, "Katakana": 1.0}
OTHER_CHARACTERS_A_TOKEN = 2.5
UNLIMITED = 1024  # tokens of a source where no table of positions limits it: attention grows with their square
LIMIT_STEP = 16  # limits are multiples of it, for whoever reads them
NEARLY_LONGEST = 1.5  # times what 99% need: then all are taken
# Every recipe that ships for one CPU has about 1,000 tokens a step, in 8 to 32 pairs; those for a GPU, 64 to 256 pairs,
# which are as many tokens as a GPU is busy with.
CPU_STEP_TOKENS = 1000
CPU_PAIRS = (8, 32)
GPU_STEP_TOKENS = 16_000
GPU_PAIRS = (64, 256)
PASSES = 3  # of the recipe for 2,000 pairs, summarization/scitldr; the others for one CPU end earlier for want of time
FEWEST_STEPS = 500  # a cross-attention begins to read its source after some hundred: docs/log.md
MOST_PASSES = 20  # small sets of fine-tuning were found to need (Mosbach et al. 2021)
CPU_SECONDS = 3600.0  # of the recipes for one CPU
# Operations a second of one core, from 528 tokens a second of MiniLM's pair (docs/results.md), with 6 for a parameter
# and token.
CPU_SPEED = 5.5e10
FEW_PASSES = 2  # too few for dropout to help, as in the recipes
SMALL_WIDTH = 192
MIDDLE_WIDTH = 512
VALIDATIONS = 10
# Tried in this order: the first with which nearly all targets come back from the tokenizer.
NORMALIZATIONS = ((), ("lowercase", "collapse_spaces"), ("lowercase", "separate_punctuation"))
DEFAULT_NORMALIZATION = EvaluationOptions.model_fields["normalization"].default
ROUND_TRIPS = 500  # texts that are written into tokens and back, about: a share of 90% within 3%


@dataclass(frozen=True)
class Facts:
    """What the settings follow from.

    rows: of the training data. normalization: of texts that are compared; empty for the default.
    """

    file: FileFigures
    origin: Origin
    task: GuessedTask
    rows: int
    has_gpu: bool
    takes_bf16: bool
    source_tokens: SideTokens
    target_tokens: SideTokens
    normalization: tuple[str, ...]


def measure_tokens(side: SideFigures, origin: Origin, name: str) -> SideTokens:
    """Lengths in tokens of the sample, or estimates of them; the limit is the one to be set.

    name: source or target.
    """
    marks = origin.source_marks if name == "source" else 1
    if origin.tokenizers is None:
        for_one = CHARACTERS_A_TOKEN.get(side.script, OTHER_CHARACTERS_A_TOKEN)
        counts = [math.ceil(len(text) / for_one) + marks for text in side.sample]
    else:
        ids = encode_texts(getattr(origin.tokenizers, name), side.sample)
        counts = [len(one) + marks for one in ids]
    lengths = numpy.array(counts)
    positions = origin.source_positions if name == "source" else origin.target_positions
    limit = choose_limit(summarize_lengths(lengths, 0), positions or UNLIMITED)
    return SideTokens(summarize_lengths(lengths, limit), estimated=origin.tokenizers is None)


def choose_limit(lengths: LengthSummary, most: int) -> int:
    """A round limit that at most a text of a hundred is longer than, unless the model takes fewer tokens."""
    needed = lengths.percentiles["99"]
    if lengths.longest <= NEARLY_LONGEST * needed:
        needed = lengths.longest
    return min(most, LIMIT_STEP * math.ceil(needed / LIMIT_STEP))


def list_settings(facts: Facts) -> list[Setting]:
    """Everything of the recipe that follows from the texts and the machine, in its order."""
    return [
        *_list_model(facts),
        *_list_data(facts),
        *_list_training(facts),
        *_list_scoring(facts),
    ]


def _list_model(facts: Facts) -> Iterator[Setting]:
    origin = facts.origin
    plans = {
        "bert2bert": "both sides from one BERT; bertshare, with shared layers, is smaller",
        "robertashare": "both sides from one RoBERTa, their layers shared",
        "pair": "any encoder with any decoder; seq2seq plans lists others",
        "pretrained": "goes on from an encoder-decoder",
    }
    yield Setting("model.plan", origin.plan, plans.get(origin.plan, "seq2seq plans says what each is"))
    for key in ("encoder", "decoder", "checkpoint"):
        value = getattr(origin, key)
        if value is not None:
            yield Setting(f"model.{key}", value, origin.why)
    if origin.is_one and origin.plan in ("bert2bert", "bertshare", "robertashare", "pair"):
        yield Setting(
            "model.cross_attention", "copied", "from the decoder's self-attention: learns from fewer pairs than random"
        )
    passes = count_passes(facts)
    if passes <= FEW_PASSES and origin.plan != "pretrained":
        yield Setting("model.dropout", 0.0, f"{passes:.1f} passes over the data are too few to need it")


def _list_data(facts: Facts) -> Iterator[Setting]:
    for name, side in (("source", facts.source_tokens), ("target", facts.target_tokens)):
        yield Setting(f"data.max_{name}_tokens", side.lengths.limit, _explain_limit(name, side))


def _explain_limit(name: str, side: SideTokens) -> str:
    lengths = side.lengths
    counted = ", estimated from characters" if side.estimated else ""
    why = f"99% of the {name}s have at most {lengths.percentiles['99']}{counted}, the longest {lengths.longest}"
    if lengths.limit < lengths.percentiles["99"]:
        return f"the model takes no more; {format_share(lengths.share_truncated)} of the {name}s are cut. {why}"
    return why


def choose_batch(facts: Facts) -> int:
    """Pairs of a step: a power of two, by how many tokens it has then."""
    fewest, most = GPU_PAIRS if facts.has_gpu else CPU_PAIRS
    wanted = GPU_STEP_TOKENS if facts.has_gpu else CPU_STEP_TOKENS
    batch = 2 ** round(math.log2(wanted / measure_pair(facts)))
    return min(max(batch, fewest), most)


def measure_pair(facts: Facts) -> float:
    """Mean tokens of a pair; cut ones are counted whole unless nearly all are."""
    tokens = 0.0
    for side in (facts.source_tokens, facts.target_tokens):
        tokens += min(side.lengths.tokens / side.lengths.texts, side.lengths.limit)
    return tokens


def choose_steps(facts: Facts) -> int:
    """Some passes over the data, or what a CPU does in an hour, but one pass at least; of few pairs, more passes."""
    in_a_pass = math.ceil(facts.rows / choose_batch(facts))
    wanted = min(max(PASSES * in_a_pass, FEWEST_STEPS), MOST_PASSES * in_a_pass)
    if facts.has_gpu:
        return wanted
    in_time = int(CPU_SECONDS / estimate_step(facts))
    return max(min(wanted, in_time), in_a_pass)


def count_passes(facts: Facts) -> float:
    return choose_steps(facts) / math.ceil(facts.rows / choose_batch(facts))


def estimate_step(facts: Facts) -> float:
    """Seconds of a step on one core of a CPU, roughly: `inspect` measures them."""
    origin = facts.origin
    layer = origin.width**2
    # 12 matrices' worth in a layer of the encoder, 16 in one of the decoder, and half of the tokens on each side.
    parameters = origin.layers * (12 + 16) / 2 * layer + origin.width * origin.vocabulary / 2
    return 6 * parameters * measure_pair(facts) * choose_batch(facts) / CPU_SPEED


def _list_training(facts: Facts) -> Iterator[Setting]:
    batch = choose_batch(facts)
    steps = choose_steps(facts)
    tokens = batch * measure_pair(facts)
    machine = "GPU" if facts.has_gpu else "CPU"
    usual = "64 to 256 pairs" if facts.has_gpu else "about 1,000, in 8 to 32 pairs"
    yield Setting(
        "training.batch_examples",
        batch,
        f"about {tokens:,.0f} tokens a step; the recipes for one {machine} have {usual}",
    )
    yield Setting("training.max_steps", steps, _explain_steps(facts, steps))
    yield Setting("training.learning_rate", *_choose_rate(facts.origin))
    yield Setting("training.warmup_steps", max(1, steps // 10), "a tenth of the steps, as in the recipes that ship")
    if facts.takes_bf16:
        yield Setting("training.precision", "bf16", "this GPU has it, and is faster so")
    every = math.ceil(steps / VALIDATIONS)
    yield Setting("training.validate_every_steps", every, f"{VALIDATIONS} times: the best checkpoint is kept")
    yield Setting("training.checkpoint_every_steps", every, "as often")
    yield Setting("training.keep_checkpoints", 1, "the newest, and the best beside it")


def _explain_steps(facts: Facts, steps: int) -> str:
    passes = count_passes(facts)
    why = f"{passes:.1f} passes over {format_count(facts.rows, 'pair')}"
    if facts.has_gpu:
        return why
    seconds = format_seconds(steps * estimate_step(facts))
    if passes < 1.1 and steps * estimate_step(facts) > CPU_SECONDS:
        return f"{why}, the least, and about {seconds} on one core of a CPU; fewer, or a GPU, if that is too long"
    return f"{why}, about {seconds} on one core of a CPU (inspect measures it)"


def _choose_rate(origin: Origin) -> tuple[float, str]:
    if origin.plan == "pretrained":
        return 5.0e-5, "low: the model can write already"
    if origin.width <= SMALL_WIDTH:
        return 2.0e-3, f"the quickstart's, whose BERT has a width of 128; this one has {origin.width}"
    if origin.width <= MIDDLE_WIDTH:
        return 5.0e-4, f"best of three for a BERT of width 384 (docs/results.md); this one has {origin.width}"
    return 5.0e-5, "the usual one for a model of base size; a smaller one takes ten times as much"


def _list_scoring(facts: Facts) -> Iterator[Setting]:
    beams = 4 if facts.task.name in ("summarization", "translation") else 1
    yield Setting("generation.num_beams", beams, "as the recipes for this task have")
    if has_labels(facts.file):
        yield Setting("evaluation.metrics", ["exact_match"], "the targets are a few labels, which are right or wrong")
    if facts.normalization:
        reason = "the target tokenizer writes no capitals, so scores are without"
        if "separate_punctuation" in facts.normalization:
            reason = "the target tokenizer writes no capitals, and spaces around marks of its own"
        yield Setting("evaluation.normalization", list(facts.normalization), reason)


def choose_normalization(file: FileFigures, origin: Origin) -> tuple[str, ...]:
    """What is to be left aside in comparisons, so that the target tokenizer can be right; empty for the default."""
    if origin.tokenizers is None:
        return NORMALIZATIONS[1] if "uncased" in (origin.decoder or origin.name) else ()
    texts = file.target.sample[:: max(1, len(file.target.sample) // ROUND_TRIPS)]
    for normalizers in NORMALIZATIONS:
        trip = measure_round_trip(origin.tokenizers.target, texts, normalizers or DEFAULT_NORMALIZATION)
        if trip.normalized >= LOW_CEILING * trip.texts:
            return normalizers
    writes_case = measure_round_trip(origin.tokenizers.target, ["A a"], ()).exact
    return () if writes_case else NORMALIZATIONS[1]
