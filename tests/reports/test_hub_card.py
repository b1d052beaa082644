"""Cards for the hub: read back by its own library, without what is a machine's or an owner's alone."""

import pytest
from huggingface_hub import ModelCard

from seq2seq.reports.front_matter import HubPage
from seq2seq.reports.hub_card import build_checkpoint_card, hide_machine, shorten_paths
from seq2seq.reports.model_card import CardParts, build_model_card
from tests.reports.made_up_run import build_record

PAGE = HubPage(name="me/mine", title="mine", license="mit", languages=("de", "en"), datasets=("some/pairs",))
DESCRIPTION = {
    "task": "translation", "plan": "bertshare", "step": 1200, "max_source_tokens": 64, "max_target_tokens": 32,
    "source": {"kind": "text"}, "layout": {"normalization": ["nfc"]}, "generation": {},
}  # fmt: skip
MODEL = {"class": "EncoderDecoderModel", "hands_over_t5_encoder": False, "two_tokenizers": True, "pruned": False}


def build(record, page=PAGE):
    return build_model_card(record, CardParts(checkpoint=page.name, settings={}, defaults={}, page=page, step=4))


def test_card_of_a_run_tells_the_hub_what_its_owner_said(tmp_path):
    data = ModelCard(build(build_record(tmp_path / "runs"))).data
    assert (data.license, data.language, data.datasets) == ("mit", ["de", "en"], ["some/pairs"])
    assert data.model_name == "mine"
    assert data.base_model == ["some/bert"]
    assert data.metrics == ["exact_match", "sari"]


def test_license_of_another_name_comes_with_its_name_and_link(tmp_path):
    page = HubPage("me/mine", "mine", "other", ("de",), (), None, "my-license", "https://example.org")
    data = ModelCard(build(build_record(tmp_path / "mine"), page)).data
    assert (data.license, data.license_name, data.license_link) == ("other", "my-license", "https://example.org")
    assert data.datasets is None


def test_card_of_a_run_uses_the_repository_in_place_of_the_folder(tmp_path):
    card = build(build_record(tmp_path / "runs"))
    assert "\n# mine\n" in card
    assert "- this checkpoint: step 4\n" in card
    assert "seq2seq generate me/mine --text" in card
    assert "from huggingface_hub import snapshot_download\n" in card
    assert 'folder = snapshot_download("me/mine")\n' in card
    assert str(tmp_path) not in card
    assert "origin.json" not in card


def test_revision_is_downloaded_first(tmp_path):
    page = HubPage("me/mine", "mine", "mit", ("de",), (), "v2")
    card = build(build_record(tmp_path / "mine"), page)
    assert "hf download me/mine --revision v2 --local-dir mine\n" in card
    assert "seq2seq generate mine --text" in card
    assert 'snapshot_download("me/mine", revision="v2")' in card


def test_folders_of_the_machine_are_in_no_card(tmp_path):
    recipe = {
        "model": {"encoder": "/home/me/models/bert"},
        "data": {"train": ["/home/me/secret/pairs.jsonl"], "test": ["hub:/home/me/set::test"]},
    }
    origin = {"notes": ["the tokenizer of /home/me/tok/a (of 'C:\\Users\\me\\x\\y') has 3 tokens, 1 / 2 of all"]}
    record = hide_machine(build_record(tmp_path / "mine", recipe=recipe, origin=origin))
    card = build(record)
    assert "/home" not in card
    assert "Users" not in card
    assert "models/bert" in card
    assert "secret/pairs.jsonl" in card
    assert "seq2seq train" not in card  # the command
    assert "1 / 2 of all" in card


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("/home/me/data/a b.jsonl", "data/a b.jsonl"),
        ("~/data/a.jsonl", "data/a.jsonl"),
        ("C:\\data\\sets\\a.jsonl", "sets/a.jsonl"),
        ("data/mine/a.jsonl", "data/mine/a.jsonl"),
        ("hub:some/pairs:plain:train", "hub:some/pairs:plain:train"),
        ("see https://example.org/a/b/c", "see https://example.org/a/b/c"),
        ("read from '/a/b/c.txt', 3 lines", "read from 'b/c.txt', 3 lines"),
        ({"/a/b/c": ["/d/e/f", 3, None]}, {"b/c": ["e/f", 3, None]}),
    ],
)
def test_absolute_paths_keep_two_parts(value, shown):
    assert shorten_paths(value) == shown


def test_checkpoint_without_a_run_has_a_card_of_what_it_says_itself():
    card = build_checkpoint_card(DESCRIPTION, MODEL, PAGE)
    data = ModelCard(card).data
    assert (data.license, data.language, data.library_name) == ("mit", ["de", "en"], "transformers")
    assert data.pipeline_tag == "translation"
    assert data.tags == ["seq2seq", "encoder-decoder", "translation", "bertshare"]
    assert "- trained for: 1,200 steps\n" in card
    assert 'target_tokenizer = AutoTokenizer.from_pretrained(f"{folder}/target_tokenizer")' in card
    assert "The model was trained on texts after nfc" in card


def test_checkpoint_of_other_sources_is_shown_with_rows():
    card = build_checkpoint_card(DESCRIPTION | {"source": {"kind": "my:SPEECH"}, "task": ""}, MODEL, PAGE)
    assert "seq2seq generate me/mine --input sources.jsonl --output outputs.jsonl" in card
    assert "- task: none\n" in card
    assert "snapshot_download" not in card


def test_checkpoint_on_a_branch_is_downloaded_first():
    page = HubPage("me/mine", "mine", "mit", ("de",), (), "v2")
    assert "hf download me/mine --revision v2" in build_checkpoint_card(DESCRIPTION, MODEL, page)
