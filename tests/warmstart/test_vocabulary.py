"""Other vocabularies: embeddings carried to a new tokenizer, and tables trimmed to what the data needs."""

import json

import pytest
import torch
from transformers import AutoTokenizer

import seq2seq
from seq2seq import warm_start
from seq2seq.base.errors import WarmStartError
from seq2seq.text.tokenizers import encode_texts
from seq2seq.text.vocabulary import match_tokens
from seq2seq.warmstart.vocabulary import Corpus
from tests.families import save_family

TEXTS = ["the big cat sat on the mat", "a small dog ran", "fish swam by the sea", "birds flew over the red tree"]
CORPUS = Corpus(TEXTS[:2], TEXTS[2:])
TABLE = "encoder.embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    return {
        family: str(save_family(tmp_path_factory.mktemp(family), family, head=True))
        for family in ("bert", "roberta", "gpt2", "xlm-roberta", "electra", "rembert")
    }


@pytest.fixture(scope="module")
def new_tokenizer(tmp_path_factory):
    """A WordPiece of its own order and words, as `seq2seq tokenizer train` writes it."""
    folder = tmp_path_factory.mktemp("new")
    data = folder / "text.txt"
    data.write_text("\n".join(TEXTS * 3), encoding="utf-8")
    seq2seq.train_tokenizer([str(data)], output=folder / "tokenizer", kind="wordpiece", size=60)
    return str(folder / "tokenizer")


def compute_logits(started, texts) -> torch.Tensor:
    """Logits (1, T, V) of one pair of texts, the first as the source."""
    source, target = (
        encode_texts(tokenizer, [text])[0]
        for tokenizer, text in zip((started.tokenizers.source, started.tokenizers.target), texts, strict=True)
    )
    with torch.no_grad():
        decoder_ids = torch.tensor([[started.framing.begin_id, *target]])
        return started.model(input_ids=torch.tensor([source]), decoder_input_ids=decoder_ids).logits


@pytest.mark.parametrize(
    ("plan", "encoder", "decoder", "convert"),
    [
        ("bert2bert", "bert", None, True),
        ("bertshare", "bert", None, True),
        ("bert2bert", "bert", None, False),
        ("robertashare", "roberta", None, True),
        ("robertashare", "xlm-roberta", None, True),
        ("bert2gpt", "bert", "gpt2", True),
        ("rnd2gpt", "gpt2", None, True),
        ("pair", "xlm-roberta", "electra", False),
        ("pair", "bert", "rembert", False),
    ],
)
def test_logits_of_kept_tokens_are_those_of_the_untrimmed_model(folders, plan, encoder, decoder, convert):
    options = {"plan": plan, "encoder": folders[encoder], "decoder": decoder and folders[decoder], "convert": convert}
    whole, trimmed = warm_start(**options), warm_start(**options, trim_vocabulary=True, corpus=CORPUS)
    old, new = whole.tokenizers.target.get_vocab(), trimmed.tokenizers.target.get_vocab()
    kept = torch.tensor([old[token] for token in sorted(new, key=new.get)])
    # What is drawn at random does not depend on the size of the table: both models are the same but for it.
    random = {row.name for row in whole.origin.parameters if row.kind == "random"}
    with torch.no_grad():
        for name in random:
            value = whole.model.get_parameter(name)
            own = trimmed.model.get_parameter(name)
            own.copy_(value if own.shape == value.shape else value[kept])
    before, after = (compute_logits(started, (TEXTS[0], TEXTS[2])) for started in (whole, trimmed))
    assert (before[..., kept] - after).abs().max() < 1e-6 * before.abs().max().clamp(min=1)
    assert len(new) < len(old)


def test_trimming_reports_what_it_kept(folders):
    whole = warm_start(plan="bert2bert", encoder=folders["bert"]).origin.totals()
    started = warm_start(plan="bert2bert", encoder=folders["bert"], trim_vocabulary=True, corpus=CORPUS)
    rows = started.model.config.decoder.vocab_size
    assert started.origin.notes[0].startswith(f"vocabulary: {rows} of ")
    lost = whole["embeddings"] // 32 - rows
    assert whole["total"] - started.origin.totals()["total"] == lost * (32 + 1)  # a row of width 32 and an output bias
    table = next(row for row in started.origin.parameters if row.name == TABLE)
    assert (table.kind, table.note) == ("converted", f"{rows} rows kept, 0 the mean of old pieces, 0 the mean of all")


def test_trimming_without_texts_is_refused(folders):
    with pytest.raises(WarmStartError, match="trim_vocabulary: there are no texts to trim to"):
        warm_start(plan="bert2bert", encoder=folders["bert"], trim_vocabulary=True)


def test_two_vocabularies_are_trimmed_each_to_its_side(folders):
    started = warm_start(
        plan="bert2gpt", encoder=folders["bert"], decoder=folders["gpt2"], trim_vocabulary=True, corpus=CORPUS
    )
    assert [note.split(":")[0] for note in started.origin.notes] == ["source vocabulary", "target vocabulary"]
    assert "big" in started.tokenizers.source.get_vocab()
    assert "birds" not in started.tokenizers.source.get_vocab()


@pytest.mark.parametrize("plan", ["bert2bert", "bertshare"])
def test_embeddings_are_carried_by_token_text(folders, new_tokenizer, plan):
    options = {"plan": plan, "encoder": folders["bert"]}
    old = warm_start(**options)
    new = warm_start(**options, source_tokenizer=new_tokenizer, target_tokenizer=new_tokenizer)
    vocabulary = new.tokenizers.target.get_vocab()
    table, old_table = new.model.get_parameter(TABLE), old.model.get_parameter(TABLE)
    assert len(table) == len(vocabulary) == 60
    assert torch.equal(table[vocabulary["the"]], old_table[old.tokenizers.target.get_vocab()["the"]])
    assert new.framing.end_id == vocabulary["[SEP]"]
    assert torch.equal(table[vocabulary["[SEP]"]], old_table[old.framing.end_id])
    for token, pieces in zip(
        sorted(vocabulary, key=vocabulary.get), match_tokens(old.tokenizers.target, new.tokenizers.target), strict=True
    ):
        expected = old_table[list(pieces)].mean(dim=0) if pieces else old_table.mean(dim=0)
        assert torch.allclose(table[vocabulary[token]], expected, atol=1e-6), token


def test_tokens_that_the_old_vocabulary_lacks_begin_at_the_mean_where_asked(folders, new_tokenizer):
    started = warm_start(
        plan="bert2bert",
        encoder=folders["bert"],
        source_tokenizer=new_tokenizer,
        target_tokenizer=new_tokenizer,
        new_tokens="mean",
    )
    table = next(row for row in started.origin.parameters if row.name == TABLE)
    assert "0 the mean of old pieces" in table.note
    assert "0 as the mean of their old pieces" in started.origin.notes[0]


def test_new_vocabulary_on_one_side_splits_the_table(folders, new_tokenizer):
    started = warm_start(plan="bert2bert", encoder=folders["bert"], target_tokenizer=new_tokenizer)
    assert not started.model.sharing.embeddings
    assert started.model.config.decoder.vocab_size == 60
    assert started.model.config.encoder.vocab_size > 60
    with pytest.raises(WarmStartError, match="bertshare shares the embedding table"):
        warm_start(plan="bertshare", encoder=folders["bert"], target_tokenizer=new_tokenizer)


def test_recipe_trims_to_its_data_and_the_checkpoint_writes_text(folders, tmp_path):
    rows = [{"source": text, "target": text} for text in TEXTS]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"""
task: sentence_fusion
output: {tmp_path / "run"}
model: {{plan: bertshare, encoder: {folders["bert"]}, trim_vocabulary: true}}
data: {{train: [{tmp_path / "train.jsonl"}], max_source_tokens: 32, max_target_tokens: 32}}
training: {{batch_examples: 4, max_steps: 1, micro_batch_tokens: 256}}
generation: {{max_target_tokens: 8, num_beams: 1}}
"""
    )
    folder = seq2seq.train(recipe)
    notes = json.loads((folder / "origin.json").read_text())["notes"]
    assert "tokens kept, those that the data needs" in notes[0]
    assert len(seq2seq.generate(folder, TEXTS)) == 4


def test_tokenizer_with_another_pad_id_is_refused_where_positions_count_from_it(folders, new_tokenizer):
    # RoBERTa's own class counts positions from pad id 1; [PAD] of the new tokenizer is 0.
    options = {"plan": "robertashare", "encoder": folders["roberta"]}
    tokenizers = {"source_tokenizer": new_tokenizer, "target_tokenizer": new_tokenizer}
    with pytest.raises(WarmStartError, match="counts positions from pad id 1, and the tokenizer pads with 0"):
        warm_start(**options, **tokenizers, convert=False)
    assert warm_start(**options, **tokenizers).framing.pad_id == 0


def test_special_token_added_to_a_tokenizer_is_one_token_on_both_sides(folders, new_tokenizer, tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(new_tokenizer)
    tokenizer.add_special_tokens({"extra_special_tokens": ["[HL]"]})
    tokenizer.save_pretrained(tmp_path)
    tokenizers = {"source_tokenizer": str(tmp_path), "target_tokenizer": str(tmp_path)}
    corpus = Corpus(["the [HL] cat"], ["a dog"])
    old = warm_start(plan="bert2bert", encoder=folders["bert"])
    for options in ({}, {"trim_vocabulary": True, "corpus": corpus}):
        started = warm_start(plan="bert2bert", encoder=folders["bert"], **tokenizers, **options)
        (ids,) = encode_texts(started.tokenizers.source, ["the [HL] cat"])
        assert started.tokenizers.target.convert_ids_to_tokens(ids)[:2] == ["the", "[HL]"]
        row = started.model.get_parameter(TABLE)[ids[1]]
        assert torch.allclose(row, old.model.get_parameter(TABLE).mean(dim=0), atol=1e-6)  # the old one has none
