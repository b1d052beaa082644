"""Settings: what differs from the defaults stands first."""

from seq2seq.reports.settings import list_setting_lines


def test_changed_settings_stand_before_those_at_their_defaults():
    settings = {"seed": 1, "output": "runs/x", "training.max_steps": 7, "data.train": ["a"], "model.share": False}
    defaults = {"seed": 1, "training.max_steps": None, "model.share": False}
    assert list_setting_lines(settings, defaults) == [
        "Set by the recipe:",
        '```yaml\ntraining.max_steps: 7  # default: null\ndata.train: ["a"]\n```',
        "<details><summary>Left at their defaults</summary>",
        "```yaml\nseed: 1\nmodel.share: false\n```",
        "</details>",
    ]


def test_whole_numbers_are_equal_to_integers_but_no_number_is_true():
    assert list_setting_lines({"a": 1.0}, {"a": 1})[0].startswith("<details>")
    assert list_setting_lines({"a": True}, {"a": 1})[0] == "Set by the recipe:"


def test_one_string_is_a_list_of_one():
    assert list_setting_lines({"data.columns.source": ["source"]}, {"data.columns.source": "source"})[0] != (
        "Set by the recipe:"
    )


def test_default_of_none_is_not_the_lack_of_one():
    assert list_setting_lines({"a": None}, {}) == ["Set by the recipe:", "```yaml\na: null\n```"]
