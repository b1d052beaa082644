"""Names of data sets on the hub, taken apart. Expected values: the form hub:NAME[@REVISION]:CONFIG:SPLIT itself."""

import pytest

from seq2seq.base.hub import HubSplit, parse_hub_split


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("hub:some/pairs:plain:train", HubSplit("some/pairs", "", "plain", "train")),
        ("hub:some/pairs::train[:10%]", HubSplit("some/pairs", "", "", "train[:10%]")),
        ("hub:some/pairs@refs/convert/parquet::test", HubSplit("some/pairs", "refs/convert/parquet", "", "test")),
    ],
)
def test_name_tells_data_set_revision_config_and_split(name, split):
    assert parse_hub_split(name) == split


@pytest.mark.parametrize(
    "name", ["data/train.jsonl", "embedded:quickstart:train", "hub:some/pairs", "hub:@main::train"]
)
def test_other_names_and_those_that_lack_a_part_are_none_of_the_hub(name):
    assert parse_hub_split(name) is None


def test_folder_may_have_an_at_sign_in_its_name(tmp_path):
    (tmp_path / "pairs@home").mkdir()
    assert parse_hub_split(f"hub:{tmp_path}/pairs@home::train").dataset == f"{tmp_path}/pairs@home"
