"""Pairs as Google and users published them in 2020: .bin weights, generation options in every config, old tokenizers.

The layouts are those of google/roberta2roberta_L-24_discofuse and google/bert2bert_L-24_wmt_en_de on the hub (config,
pytorch_model.bin and one vocabulary file, two sides of BertGeneration), and of pairs of RoBERTa saved shared.
"""

import json
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoTokenizer,
    BertGenerationConfig,
    EncoderDecoderConfig,
    EncoderDecoderModel,
    PreTrainedConfig,
    RobertaConfig,
)

import seq2seq
from seq2seq.base.errors import GenerationError
from seq2seq.base.options import build_options
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.checkpoints.published_generation import sort_settings
from seq2seq.engines.options import GenerationOptions
from seq2seq.modeling.sharing import Sharing
from seq2seq.text.framing import Framing
from tests.conftest import build_description
from tests.families import build_byte_pairs
from tests.published import ENGLISH, draw_sentences, train_sentencepiece

TEXTS = draw_sentences(ENGLISH, 8, 5)
SHAPE = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "max_position_embeddings": 64, "initializer_range": 0.3,
}  # fmt: skip
# What version 3 wrote into the config of each side.
OF_EVERY_SIDE = {
    "bad_words_ids": None, "decoder_start_token_id": None, "do_sample": False, "early_stopping": False,
    "length_penalty": 1.0, "max_length": 20, "min_length": 0, "no_repeat_ngram_size": 0, "num_beams": 1,
    "num_return_sequences": 1, "pruned_heads": {}, "repetition_penalty": 1.0, "temperature": 1.0, "top_k": 50,
    "top_p": 1.0, "torchscript": False, "use_bfloat16": False, "xla_device": None,
}  # fmt: skip
MARKS = {"bos_token_id": 2, "eos_token_id": 1, "pad_token_id": 0}
BARE = Framing(begin_id=2, end_id=1, pad_id=0)
SHARED, APART = Sharing(embeddings=True, layers=True), Sharing(embeddings=False, layers=False)


def build_pair(side: type[PreTrainedConfig], tie: bool, **settings) -> EncoderDecoderModel:
    torch.manual_seed(0)
    encoder, decoder = (
        side(**SHAPE, **settings, is_decoder=is_decoder, add_cross_attention=is_decoder) for is_decoder in (False, True)
    )
    model = EncoderDecoderModel(EncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder))
    model.encoder.pooler = None
    if tie:
        for name, parameter in model.encoder.named_parameters():
            *path, last = name.split(".")
            setattr(model.decoder.base_model.get_submodule(".".join(path)), last, parameter)
        model.decoder.get_output_embeddings().weight = model.encoder.get_input_embeddings().weight
    return model


def write_as_in_2020(folder: Path, model: EncoderDecoderModel, tie: bool, **config) -> None:
    """config.json and pytorch_model.bin with every name, buffers too; shared tensors share their memory there."""
    body = f"decoder.{model.decoder.base_model_prefix}"
    positions = {f"{side}.embeddings.position_ids": torch.arange(64)[None] for side in ("encoder", body)}
    torch.save(dict(model.state_dict()) | positions, folder / "pytorch_model.bin")
    sides = {"encoder": model.config.encoder.to_dict(), "decoder": model.config.decoder.to_dict()}
    values = {"model_type": "encoder-decoder", "is_encoder_decoder": True, "tie_encoder_decoder": tie} | config
    values |= {name: side | OF_EVERY_SIDE | {"tie_encoder_decoder": tie} for name, side in sides.items()}
    (folder / "config.json").write_text(json.dumps(values))


def write_options(folder: Path, **options) -> None:
    """The file that was added to every repository in 2023."""
    (folder / "generation_config.json").write_text(json.dumps({"_from_model_config": True} | options))


def write_discofuse(folder: Path, tie: bool = True) -> Sharing:
    """Pieces alone, which name the marks; one set of layers."""
    marks = {"pad_id": 0, "eos_id": 1, "bos_id": 2, "unk_id": 3}
    rows = len(train_sentencepiece(folder / "spiece.model", draw_sentences(ENGLISH, 200), **marks))
    model = build_pair(BertGenerationConfig, tie, vocab_size=rows, pad_token_id=0)
    write_as_in_2020(folder, model, tie, **MARKS)
    write_options(folder, decoder_start_token_id=2, max_length=24, num_beams=4, **MARKS)
    return SHARED if tie else APART


def write_two_sides_with_pieces(folder: Path) -> Sharing:
    return write_discofuse(folder, tie=False)


def write_wmt(folder: Path) -> Sharing:
    """A vocabulary of word pieces alone, with marks that BERT's tokenizer does not know for its own."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    marks = ["<pad>", "</s>", "<s>", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*marks, *ENGLISH, ".", *(f"##{letter}" for letter in letters), *letters[1:], *"0123456789"]
    (folder / "vocab.txt").write_text("\n".join(pieces) + "\n")
    model = build_pair(BertGenerationConfig, False, vocab_size=len(pieces), pad_token_id=0)
    write_as_in_2020(folder, model, False, tokenizer_class="BertTokenizer", **MARKS)
    write_options(folder, decoder_start_token_id=2, max_length=24, num_beams=4, **MARKS)
    return APART


def write_shared_roberta(folder: Path) -> Sharing:
    """As users saved it: RoBERTa's own two files of byte pairs, options of generation at the top of config.json."""
    tokenizer = build_byte_pairs("<s> <pad> </s> <unk>".split(), ["<mask>"])
    tokenizer.model.save(str(folder))
    rows = tokenizer.get_vocab_size()
    model = build_pair(RobertaConfig, True, vocab_size=rows, type_vocab_size=1)
    options = {"decoder_start_token_id": 0, "eos_token_id": 2, "pad_token_id": 1, "max_length": 24, "num_beams": 4}
    write_as_in_2020(folder, model, True, vocab_size=rows, **options)
    return SHARED


LAYOUTS = {
    "discofuse": write_discofuse, "two sides with pieces": write_two_sides_with_pieces, "wmt": write_wmt,
    "shared roberta": write_shared_roberta,
}  # fmt: skip


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request, tmp_path_factory) -> tuple[Path, Sharing]:
    folder = tmp_path_factory.mktemp("published")
    return folder, LAYOUTS[request.param](folder)


def is_bert_generation(folder: Path) -> bool:
    return json.loads((folder / "config.json").read_text())["encoder"]["model_type"] == "bert-generation"


def write_plainly(folder: Path, *, marks: bool = True, **roles) -> list[str]:
    tokenizer = AutoTokenizer.from_pretrained(folder, **roles)
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True, add_special_tokens=marks)
    ids = (
        EncoderDecoderModel.from_pretrained(folder)
        .eval()
        .generate(inputs.input_ids, attention_mask=inputs.attention_mask)
    )
    # Word pieces are joined as version 4 did without being asked: "mat.", not "mat ."
    clean_up = {"clean_up_tokenization_spaces": type(tokenizer).__name__ == "BertTokenizer"}
    return [text.strip() for text in tokenizer.batch_decode(ids, skip_special_tokens=True, **clean_up)]


def test_published_layout_writes_what_plain_transformers_writes(layout):
    # The model cards call the tokenizer with these roles and, for BertGeneration, without marks.
    folder, _ = layout
    roles = {"pad_token": "<pad>", "eos_token": "</s>", "bos_token": "<s>"}
    texts = write_plainly(folder, marks=not is_bert_generation(folder), **roles)
    assert seq2seq.generate(folder, TEXTS) == texts
    assert len(set(texts)) > 4


def test_marks_are_those_that_the_model_was_trained_with(layout):
    folder, _ = layout
    of_roberta = Framing(begin_id=0, end_id=2, pad_id=1, source_prefix=(0,), source_suffix=(2,))
    assert seq2seq.load_checkpoint(folder).framing == (BARE if is_bert_generation(folder) else of_roberta)


def test_what_was_shared_is_shared_and_only_buffers_are_left_over(layout):
    folder, sharing = layout
    loaded = seq2seq.load_checkpoint(folder)
    assert loaded.model.sharing == sharing
    assert all(name.endswith(".position_ids") for name in loaded.unused_tensors)
    generation = loaded.description.generation
    assert (generation["num_beams"], generation["max_target_tokens"]) == (4, 23)


def test_checkpoint_of_it_writes_the_same_in_plain_transformers(layout, tmp_path):
    folder, _ = layout
    started = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder))
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, build_description(started, num_beams=4))
    texts = write_plainly(tmp_path / "ckpt")
    assert texts == seq2seq.generate(tmp_path / "ckpt", TEXTS) == seq2seq.generate(folder, TEXTS, max_target_tokens=12)


@pytest.mark.parametrize(
    ("published", "options"),
    [
        ({"min_length": 56, "max_length": 142}, {"min_target_tokens": 55, "max_target_tokens": 141}),  # BART's
        ({"min_new_tokens": 5, "max_new_tokens": 30}, {"min_target_tokens": 5, "max_target_tokens": 30}),
        ({"repetition_penalty": 1.5}, {"repetition_penalty": 1.5}),
        (
            {"do_sample": True, "temperature": 0.7, "top_k": 50},
            {"sampling": True, "num_beams": 1, "temperature": 0.7, "top_k": 50},
        ),
        ({"do_sample": False, "temperature": 0.7}, {}),
    ],
)
def test_published_generation_options_are_taken_over(published, options):
    found = sort_settings(published, "generation_config.json").options
    assert {name: found[name] for name in options} == options
    assert ("sampling" in found) == ("sampling" in options)
    build_options(GenerationOptions, found, GenerationError)


def test_no_command_refuses_64_positions_for_a_length_that_nobody_asked_for(tmp_path):
    """Both exports write what the published folder does, of several ends too; where a search stops early, beams too."""
    folder = tmp_path / "pair"
    folder.mkdir()
    write_wmt(folder)
    ends = MARKS | {"eos_token_id": [1, 9, 10]}
    write_options(folder, decoder_start_token_id=2, num_beams=4, early_stopping=True, **ends)
    data = tmp_path / "data.jsonl"
    data.write_text("".join(json.dumps({"source": text, "target": text}) + "\n" for text in TEXTS))
    assert seq2seq.load_generator(folder).options.max_target_tokens == 64
    texts = seq2seq.generate(folder, TEXTS)
    assert seq2seq.evaluate(folder, [str(data)], output=str(tmp_path / "scores"))["examples"] == len(TEXTS)
    for format in ("ctranslate2", "transformers"):
        seq2seq.export(folder, output=tmp_path / format, format=format, data=[str(data)])
        assert seq2seq.generate(tmp_path / format, TEXTS) == texts
