"""Published models whose outputs end at any of several tokens.

Expected texts are those of plain `generate`, see published_settings.py.
"""

import json

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM

import seq2seq
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.modeling.generation_config import list_ends
from tests.checkpoints.published_settings import SOURCES, generate_plainly, write_plainly
from tests.conftest import build_description
from tests.published import T5GEMMA_ENDS


def test_every_end_of_several_ends_an_output(publish):
    """Ends that are words are shown, as in plain transformers."""
    ordinary = generate_plainly(publish("bart", num_beams=1, no_repeat_ngram_size=0))
    ends = [2, *(int(token) for token in ordinary[:3, 4])]  # tokens that outputs have in their midst
    for settings in ({"num_beams": 1}, {"num_beams": 4, "min_length": 4}):
        folder = publish("bart", eos_token_id=ends, **settings)
        expected = write_plainly(folder)
        assert seq2seq.generate(folder, SOURCES) == expected
    generator = seq2seq.load_generator(folder, num_beams=1, scores=True)
    assert (generator.framing.end_id, generator.engine.end_id) == (2, 2)
    sources = [generator.framing.frame_source(ids, 64)[0] for ids in generator.encode_sources(SOURCES)]
    written = [hypothesis for [hypothesis] in generator.engine.generate(sources, generator.options)]
    assert {hypothesis.other_end for hypothesis in written} - {None} <= set(ends[1:])
    assert any(hypothesis.other_end for hypothesis in written)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    for source, hypothesis in zip(sources, written, strict=True):
        labels = hypothesis.to_labels(2)
        assert (labels[-1] in ends) == hypothesis.is_ended
        with torch.no_grad():  # each token by a forward pass over all that stand before it
            logits = model(input_ids=torch.tensor([source]), decoder_input_ids=torch.tensor([[2, *labels[:-1]]])).logits
        of_labels = torch.log_softmax(logits[0], dim=-1)[range(len(labels)), labels]
        assert hypothesis.score == pytest.approx(of_labels.sum().item(), abs=1e-3)


@pytest.mark.parametrize("family", ["bart", "t5", "marian", "pegasus", "t5gemma"])
@pytest.mark.parametrize("num_beams", [1, 4])
def test_ends_do_not_depend_on_batches_and_hold_in_draws(publish, family, num_beams):
    folder = publish(family, num_beams=num_beams)
    [end, *_] = list_ends(read_checkpoint(folder).model.generation_config)
    folder = publish(family, eos_token_id=[end, *range(10, 25)], forced_bos_token_id=None)
    texts = seq2seq.generate(folder, SOURCES)
    assert seq2seq.generate(folder, SOURCES, batch_tokens=200) == texts
    assert [seq2seq.generate(folder, [source])[0] for source in SOURCES] == texts
    if num_beams == 1:  # a draw among one token is greedy
        assert seq2seq.generate(folder, SOURCES, sampling=True, top_k=1) == texts


def test_all_ends_of_t5gemma_are_kept_when_it_is_trained_and_saved_again(publish, tmp_path):
    folder = publish("t5gemma")
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    description = build_description(started, num_beams=4, max_target_tokens=29)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, description)
    seq2seq.export(tmp_path / "ckpt", output=tmp_path / "export", format="transformers")
    for saved in (tmp_path / "ckpt", tmp_path / "export"):
        assert json.loads((saved / "generation_config.json").read_text())["eos_token_id"] == T5GEMMA_ENDS
        assert seq2seq.generate(saved, SOURCES) == write_plainly(saved) == write_plainly(folder)


@pytest.mark.parametrize(
    ("ends", "of_config", "expected"),
    [([15, 2], 2, [2, 15]), ([15, 16], 2, [15, 16]), ([2], 2, 2), (15, 2, 15), ([15, 2], [2, 15], [15, 2])],
)
def test_targets_end_with_the_mark_of_the_config_where_it_is_one_of_several(publish, ends, of_config, expected):
    publish("bart", eos_token_id=ends)
    loaded = read_checkpoint(publish("bart", "config.json", eos_token_id=of_config))
    assert loaded.model.generation_config.eos_token_id == expected
    assert loaded.framing.end_id == (expected[0] if isinstance(expected, list) else expected)
