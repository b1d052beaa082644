"""Data sets in the layouts they are published in, with rows of our own, through the loading code of a run."""

from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from seq2seq.data.examples import load_examples
from seq2seq.data.options import LayoutOptions
from seq2seq.sources.text import build_reader

DISCOFUSE = {
    "columns": {
        "source": ["incoherent_first_sentence", "incoherent_second_sentence"],
        "target": ["coherent_first_sentence", "coherent_second_sentence"],
    }
}
DISCOFUSE_ROWS = [
    {
        "connective_string": "but", "discourse_type": "SINGLE_CONN_INNER", "coherent_second_sentence": "",
        "has_coref_type_pronoun": 0.0, "incoherent_first_sentence": "The pond froze .",
        "incoherent_second_sentence": "The ducks stayed .", "has_coref_type_nominal": 0.0,
        "coherent_first_sentence": "The pond froze but the ducks stayed .",
    },
    {
        "connective_string": "however ,", "discourse_type": "PAIR_CONN",
        "coherent_second_sentence": "However , it rang .", "has_coref_type_pronoun": 0.0,
        "incoherent_first_sentence": "The bell was old .", "incoherent_second_sentence": "It rang .",
        "has_coref_type_nominal": 0.0, "coherent_first_sentence": "The bell was old .",
    },
]  # fmt: skip
DISCOFUSE_PAIRS = [
    ("The pond froze . The ducks stayed .", "The pond froze but the ducks stayed ."),
    ("The bell was old . It rang .", "The bell was old . However , it rang ."),
]
TRANSLATIONS = [{"translation": {"de": "Der Hund schläft.", "en": "The dog sleeps."}}]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty folder in which a data set of the hub can be laid out, and a cache of its own."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    (tmp_path / "set").mkdir()
    return tmp_path / "set"


def write(path: Path, rows: list[dict]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    return str(path)


def load_pairs(name: str, **layout) -> list[tuple[str, str]]:
    options = LayoutOptions(**layout)
    examples = load_examples([name], options, build_reader(options.normalization))
    return [(example.source, example.target) for example in examples]


def test_wikisplit_of_the_hub(hub):
    # Its loading script cuts at the separator and leaves the spaces beside it.
    row = {"complex_sentence": "Ann sang and Bob slept .", "simple_sentence_1": "Ann sang . "}
    write(hub / "default/train/0000.parquet", [row | {"simple_sentence_2": " Bob slept ."}])
    columns = {"source": "complex_sentence", "target": ["simple_sentence_1", "simple_sentence_2"]}
    expected = ("Ann sang and Bob slept .", "Ann sang . Bob slept .")
    assert load_pairs(f"hub:{hub}::train", columns=columns) == [expected]


@pytest.mark.parametrize(
    ("steps", "source", "target"),
    [
        ([], "Ann sang and '' Bob '' slept .", "Ann sang . <::::> '' Bob '' slept ."),
        (["join_sentences"], "Ann sang and '' Bob '' slept .", "Ann sang . '' Bob '' slept ."),
        (["join_sentences", "detokenize"], 'Ann sang and "Bob" slept.', 'Ann sang. "Bob" slept.'),
    ],
)
def test_wikisplit_of_its_authors(tmp_path, steps, source, target):
    path = tmp_path / "validation.tsv"
    path.write_text("Ann sang and '' Bob '' slept .\tAnn sang . <::::> '' Bob '' slept .\n")
    assert load_pairs(str(path), header=["source", "target"], normalization=steps) == [(source, target)]


def test_discofuse_of_the_hub(hub):
    write(hub / "discofuse-wikipedia/train-00000-of-00001.parquet", DISCOFUSE_ROWS)
    write(hub / "discofuse-sport/train-00000-of-00001.parquet", DISCOFUSE_ROWS[:1])
    configs = "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {name}/train-*\n"
        for name in ("discofuse-sport", "discofuse-wikipedia")
    )
    (hub / "README.md").write_text(f"---\nconfigs:\n{configs}---\n")
    assert load_pairs(f"hub:{hub}:discofuse-wikipedia:train", **DISCOFUSE) == DISCOFUSE_PAIRS
    assert load_pairs(f"hub:{hub}:discofuse-sport:train", **DISCOFUSE) == DISCOFUSE_PAIRS[:1]


def test_discofuse_balanced_of_its_authors(tmp_path):
    lines = ["\t".join(DISCOFUSE_ROWS[0]), *("\t".join(map(str, row.values())) for row in DISCOFUSE_ROWS)]
    (tmp_path / "train_balanced.tsv").write_text("\n".join(lines) + "\n")
    assert load_pairs(str(tmp_path / "train_balanced.tsv"), **DISCOFUSE) == DISCOFUSE_PAIRS


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("en", "de", ("The dog sleeps.", "Der Hund schläft.")),
        ("de", "en", ("Der Hund schläft.", "The dog sleeps.")),
    ],
)
@pytest.mark.parametrize("through", ["the hub", "a file"])
def test_wmt14_in_both_directions(hub, source, target, expected, through):
    name = write(hub / "de-en/test-00000-of-00001.parquet", TRANSLATIONS)
    name = name if through == "a file" else f"hub:{hub}::test"
    columns = {"source": f"translation.{source}", "target": f"translation.{target}"}
    assert load_pairs(name, columns=columns) == [expected]


@pytest.mark.parametrize(
    ("config", "source", "target"),
    [("3.0.0", "article", "highlights"), ("default", "document", "summary"), ("data", "article", "summary")],
    ids=["CNN/DailyMail", "XSum", "Gigaword"],
)
def test_news_with_summaries(hub, config, source, target):
    write(
        hub / config / "validation-00000-of-00001.parquet", [{source: "A long story .", target: "Story .", "id": "1"}]
    )
    columns = {"source": source, "target": target}
    assert load_pairs(f"hub:{hub}::validation", columns=columns) == [("A long story .", "Story .")]
