"""Texts written on a simulated GPU: the CPU's ids, and one wait a token, for which is asked whether all have ended."""

from copy import deepcopy

import pytest

import seq2seq
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import shake
from tests.families import DECODERS, ENCODERS
from tests.published import FAMILIES as PUBLISHED
from tests.published import save_published
from tests.simulated.device import move, simulating

PADDED = [[5, 6, 7, 8, 9], [6, 7, 8], [7, 8, 5, 6, 9]]
FULL = [[5, 6, 7], [6, 7, 8], [7, 8, 5]]
SHORT, LONG = 6, 12  # tokens of an output; what a token costs is the difference
GREEDY = {"num_beams": 1}
PUBLISHED_WAITS = {"t5gemma": 2}  # its own code asks whether a source is padded
SEARCHES = [
    GREEDY,
    {"num_beams": 3},
    {"num_beams": 1, "sampling": True, "top_p": 0.9},
    {"num_beams": 1, "sampling": True, "top_k": 5, "num_outputs": 2},
    {"num_beams": 3, "no_repeat_ngram_size": 2, "repetition_penalty": 1.3, "early_stopping": True},
]


def write(model, sources, tokens, **options):
    """Ids of each output, as long as can be: the end mark is out of reach."""
    chosen = GenerationOptions(max_target_tokens=tokens, min_target_tokens=tokens - 1, **options)
    written = TransformersEngine(model).generate(sources, chosen)
    return [[hypothesis.ids for hypothesis in hypotheses] for hypotheses in written]


def check_waits(model, sources, waits=1, unpinned=0, **options):
    """Whether ids are those of the CPU, and what a token more makes wait, and copies from memory that is not pinned."""
    shake(model, 0.1, seed=1)
    model.eval()
    there = deepcopy(model)
    seen = {}
    with simulating() as counts:
        move(there)
        for tokens in (SHORT, LONG):
            counts.clear()
            outputs = write(there, sources, tokens, **options)
            seen[tokens] = counts.waits.copy(), counts.unpinned.copy()
            assert outputs == write(model, sources, tokens, **options)
    for kind, most in enumerate((waits, unpinned)):
        more = seen[LONG][kind] - seen[SHORT][kind]
        assert more.total() == most * (LONG - SHORT), more


@pytest.mark.parametrize("sources", [PADDED, FULL], ids=["padded", "full"])
@pytest.mark.parametrize("options", SEARCHES, ids=str)
def test_search(save, options, sources):
    model = seq2seq.warm_start(plan="pair", encoder=save("bert"), decoder=save("bert"), convert=False).model
    check_waits(model, sources, **options)


@pytest.mark.parametrize("family", ENCODERS)
def test_encoder(save, family):
    model = seq2seq.warm_start(plan="pair", encoder=save(family), decoder=save("bert"), convert=False).model
    check_waits(model, PADDED, **GREEDY)


@pytest.mark.parametrize("family", DECODERS)
def test_decoder(save, family):
    model = seq2seq.warm_start(plan="pair", encoder=save("bert"), decoder=save(family), convert=False).model
    check_waits(model, PADDED, **GREEDY)


@pytest.mark.parametrize("family", [*PUBLISHED, "pegasus", "t5gemma"])
def test_published(tmp_path, family):
    model = seq2seq.warm_start(plan="pretrained", checkpoint=str(save_published(tmp_path, family))).model
    check_waits(model, PADDED, PUBLISHED_WAITS.get(family, 1), **GREEDY)
