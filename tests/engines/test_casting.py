"""Texts in lower precision: written by a copy with weights cast once, which follows its model."""

import pytest
import torch

import seq2seq
from seq2seq.base.errors import GenerationError
from seq2seq.checkpoints.folder import read_checkpoint, write_checkpoint
from seq2seq.engines.casting import CastCopies
from seq2seq.engines.options import GenerationOptions
from seq2seq.engines.transformers import TransformersEngine
from tests.conftest import build_description, shake
from tests.families import DECODERS, ENCODERS, save_family
from tests.published import FAMILIES as PUBLISHED
from tests.published import save_published

SOURCES = [[5, 6, 7, 8, 9], [6, 7, 8], [7, 8, 5, 6, 9]]
WIDTHS = {"bf16": torch.bfloat16, "fp16": torch.float16}


def write(model, precision="fp32", **options):
    chosen = GenerationOptions(**({"num_beams": 2, "max_target_tokens": 8, "precision": precision} | options))
    return TransformersEngine(model).generate(SOURCES, chosen)


def list_ids(written):
    return [[hypothesis.ids for hypothesis in hypotheses] for hypotheses in written]


def check_all_precisions(model):
    """Whether texts come out in each, as the copy writes them, and the model stays as it was."""
    shake(model, 0.1, seed=1)
    model.eval()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for precision, dtype in WIDTHS.items():
        outputs = list_ids(write(model, precision))
        assert [len(ids) for ids in outputs] == [1, 1, 1]
        copy = CastCopies().find(model, precision)
        narrow = [parameter for parameter in copy.parameters() if parameter.dtype is dtype]
        assert len(narrow) > len(list(copy.parameters())) / 2
        assert outputs == list_ids(write(copy))
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


@pytest.mark.parametrize("family", ENCODERS)
def test_encoder(family, tmp_path):
    bert = save_family(tmp_path / "bert", "bert")
    encoder = save_family(tmp_path / "encoder", family)
    check_all_precisions(seq2seq.warm_start(plan="pair", encoder=str(encoder), decoder=str(bert), convert=False).model)


@pytest.mark.parametrize("family", DECODERS)
def test_decoder(family, tmp_path):
    bert = save_family(tmp_path / "bert", "bert")
    decoder = save_family(tmp_path / "decoder", family)
    check_all_precisions(seq2seq.warm_start(plan="pair", encoder=str(bert), decoder=str(decoder), convert=False).model)


@pytest.mark.parametrize("family", [*PUBLISHED, "pegasus", "t5gemma"])
def test_published(family, tmp_path):
    check_all_precisions(read_checkpoint(save_published(tmp_path, family)).model)


def test_copy_rounds_and_says_much_the_same(started):
    shake(started.model, 0.1)
    model = started.model.eval()
    inputs = {"input_ids": torch.tensor(SOURCES[:1]), "decoder_input_ids": torch.tensor([[2, 5, 6]])}
    with torch.no_grad():
        whole = model(**inputs).logits
        for precision, dtype in WIDTHS.items():
            logits = CastCopies().find(model, precision)(**inputs).logits
            assert logits.dtype is dtype
            error = (logits - whole).abs().max() / whole.abs().max()
            assert 0 < error < 8 * torch.finfo(dtype).eps


def test_copy_is_made_anew_where_a_weight_has_changed(started):
    model = started.model.eval()
    copies = CastCopies()
    first = copies.find(model, "bf16")
    assert copies.find(model, "bf16") is first
    with torch.no_grad():
        next(model.parameters()).add_(1.0)
    second = copies.find(model, "bf16")
    assert second is not first
    assert torch.equal(next(second.parameters()), next(model.parameters()).bfloat16())
    assert copies.find(model, "fp32") is model


def test_shared_weights_stay_shared(tmp_path):
    bert = save_family(tmp_path / "bert", "bert")
    copy = CastCopies().find(seq2seq.warm_start(plan="bertshare", encoder=str(bert)).model, "bf16")
    tables = [part.get_input_embeddings().weight for part in (copy.encoder, copy.decoder)]
    assert tables[0] is tables[1] is copy.get_output_embeddings().weight


def test_products_that_fp16_does_not_hold_stay_wide(tmp_path):
    model = read_checkpoint(save_published(tmp_path, "t5")).model
    for precision, expected in {"fp16": torch.float32, "bf16": torch.bfloat16}.items():
        copy = CastCopies().find(model, precision)
        types = {parameter.dtype for name, parameter in copy.named_parameters() if ".wo." in name}
        assert types == {expected}


def test_rotary_frequencies_stay_wide(tmp_path):
    bert = save_family(tmp_path / "bert", "bert")
    encoder = save_family(tmp_path / "encoder", "modernbert")
    model = seq2seq.warm_start(plan="pair", encoder=str(encoder), decoder=str(bert), convert=False).model
    frequencies = [buffer for name, buffer in CastCopies().find(model, "bf16").named_buffers() if "inv_freq" in name]
    assert frequencies
    assert {buffer.dtype for buffer in frequencies} == {torch.float32}


def test_draws_in_lower_precision_do_not_depend_on_batches(started):
    shake(started.model, 0.1)
    drawn = write(started.model, "bf16", num_beams=1, sampling=True)
    assert list_ids(drawn) == list_ids(write(started.model, "bf16", num_beams=1, sampling=True, batch_tokens=1))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_functions_take_it_over_what_the_checkpoint_says(started, tmp_path, precision):
    write_checkpoint(tmp_path / "a", started.model, started.tokenizers, build_description(started, precision="bf16"))
    said = seq2seq.load_generator(tmp_path / "a")
    chosen = seq2seq.load_generator(said, precision=precision)
    assert (said.options.precision, chosen.options.precision) == ("bf16", precision)
    assert chosen.engine.copies.find(said.engine.model, precision).dtype is WIDTHS[precision]
    assert len(chosen.generate(["the cat sat on the mat."]).texts) == 1


def test_scores_are_those_of_fp32(started):
    shake(started.model, 0.1)
    engine = TransformersEngine(started.model.eval())
    best = [hypotheses[0] for hypotheses in write(started.model, "bf16", scores=True)]
    log_probabilities = engine.score(SOURCES, [hypothesis.to_labels(engine.end_id) for hypothesis in best])
    assert [hypothesis.score for hypothesis in best] == pytest.approx([sum(row) for row in log_probabilities], abs=1e-5)


def test_unknown_precision_is_refused(started, tmp_path):
    started.save(tmp_path / "a")
    with pytest.raises(GenerationError, match="precision: .*'fp32', 'bf16' or 'fp16'"):
        seq2seq.load_generator(tmp_path / "a", precision="fp8")
