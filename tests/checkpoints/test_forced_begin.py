"""The token that outputs are forced to begin with: forced where a published config says so, and nowhere else.

Expected texts are those of plain `generate`, see published_settings.py.
"""

import pytest
from transformers import AutoTokenizer

import seq2seq
from seq2seq.checkpoints.folder import read_checkpoint
from tests.checkpoints.published_settings import SOURCES, change_json, move_settings, write_plainly
from tests.published import save_published


def test_first_token_that_the_first_barts_forced_is_forced(publish):
    folder = publish("bart", forced_bos_token_id=None)
    move_settings(folder, force_bos_token_to_be_generated=True)
    assert read_checkpoint(folder).model.generation_config.forced_bos_token_id == 0
    assert seq2seq.generate(folder, SOURCES) == write_plainly(folder)


def test_nothing_is_forced_where_nobody_says_so(publish, tmp_path):
    """Labels begin with the <s> of BART's tokenizer all the same, which a model learns to write."""
    folder = publish("bart", forced_bos_token_id=None)
    expected = write_plainly(folder)
    assert expected != write_plainly(folder, forced_bos_token_id=0)
    loaded = read_checkpoint(folder)
    assert loaded.framing.target_prefix == (0,)
    assert seq2seq.generate(folder, SOURCES) == expected
    loaded.save(tmp_path / "ours")
    assert seq2seq.generate(tmp_path / "ours", SOURCES) == expected == write_plainly(tmp_path / "ours")
    read_checkpoint(tmp_path / "ours").model.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "again")
    assert seq2seq.generate(tmp_path / "again", SOURCES) == expected
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    assert started.framing.target_prefix == (0,)
    assert started.model.generation_config.forced_bos_token_id is None


def test_what_is_forced_by_now_is_forced_after_a_round_trip(publish, tmp_path):
    folder = publish("bart", forced_bos_token_id=None)
    read_checkpoint(folder).save(tmp_path / "ours")
    loaded = read_checkpoint(tmp_path / "ours")
    loaded.model.generation_config.forced_bos_token_id = 0
    loaded.model.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "again")
    texts = seq2seq.generate(tmp_path / "again", SOURCES)
    assert texts == write_plainly(tmp_path / "again") != seq2seq.generate(tmp_path / "ours", SOURCES)


@pytest.mark.parametrize("family", ["mbart", "mbart50"])
def test_language_that_was_chosen_is_written_where_nobody_forces_one(family, tmp_path):
    folder = save_published(tmp_path, family, forced_bos_token_id=None)
    french = AutoTokenizer.from_pretrained(folder).convert_tokens_to_ids("fr_XX")
    loaded = read_checkpoint(folder, source_language="cs_CZ", target_language="fr_XX")
    forced = None if loaded.framing.begin_id == french else french
    assert loaded.model.generation_config.forced_bos_token_id == forced
    loaded.save(tmp_path / "ours")
    ours = read_checkpoint(tmp_path / "ours")
    ours.model.save_pretrained(tmp_path / "again")
    AutoTokenizer.from_pretrained(tmp_path / "ours").save_pretrained(tmp_path / "again")
    change_json(tmp_path / "again" / "generation_config.json", forced_bos_token_id=None)
    assert read_checkpoint(tmp_path / "again").model.generation_config.forced_bos_token_id == forced
    expected = seq2seq.generate(tmp_path / "ours", SOURCES)
    assert seq2seq.generate(tmp_path / "again", SOURCES, max_target_tokens=29, num_beams=4) == expected
