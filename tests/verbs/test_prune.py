"""`seq2seq prune`: a smaller checkpoint that is used as any other, and restored for other libraries."""

import json
import shutil

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from transformers import AutoTokenizer, EncoderDecoderModel
from transformers.models.bart.modeling_bart import BartAttention

import seq2seq
from seq2seq import load_checkpoint, warm_start
from seq2seq.base.errors import AnalysisError, CheckpointError, DataError, ScoringError
from seq2seq.checkpoints.averaging import average_checkpoints
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.engines.forced_decoding import score_ids
from seq2seq.modeling.attention_sites import gated, list_sites
from seq2seq.modeling.build import build_model
from seq2seq.modeling.head_removal import list_siblings, remove_heads
from tests.cli.conftest import seq2seq as command  # noqa: F401 - a fixture
from tests.conftest import build_description, shake
from tests.published import save_published

PAIRS = [("the cat sat", "a cat"), ("a dog ran on the road", "a dog ran ."), ("fish", "the fish swam")]
TEXTS = ["the cat sat on the mat.", "a dog, and a bird!", "fish swim"]


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("data") / "data.jsonl"
    path.write_text("\n".join(json.dumps({"source": source, "target": target}) for source, target in PAIRS))
    return str(path)


@pytest.fixture(scope="module", params=["bert2bert", "bertshare"])
def checkpoint(request, tiny_bert, tmp_path_factory):
    started = warm_start(plan=request.param, encoder=str(tiny_bert))
    shake(started.model, 0.3)
    folder = tmp_path_factory.mktemp("whole") / "ckpt"
    write_checkpoint(folder, started.model, started.tokenizers, build_description(started, max_target_tokens=12))
    return folder


@pytest.fixture(scope="module")
def pruned(checkpoint, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pruned") / "small"
    return folder, seq2seq.prune(checkpoint, [data], output=folder, keep=0.5, per_round=0.25, metrics=["chrf"])


def score_pairs(model) -> list[list[float]]:
    return score_ids(model, [[2, 6, 7, 8, 3], [2, 9, 3]], [[6, 7, 3], [8, 3]])


def test_pruned_checkpoint_computes_what_the_gated_model_computes(checkpoint, pruned):
    folder, report = pruned
    whole, small = load_checkpoint(checkpoint).model, load_checkpoint(folder).model
    assert report["after"]["heads"] * 2 == report["before"]["heads"]
    assert report["after"]["parameters"] == sum(p.numel() for p in small.parameters()) < report["before"]["parameters"]
    assert json.loads((folder / "seq2seq.json").read_text())["pruned"] == report["pruned"] == small.pruned
    gates = {site.name: torch.ones(site.heads) for site in list_sites(whole)}
    for name, heads in report["pruned"].items():
        gates[name] = torch.tensor([float(head in heads) for head in range(4)])
    with gated(list_sites(whole), gates):
        expected = score_pairs(whole)
    for first, second in zip(score_pairs(small), expected, strict=True):
        assert first == pytest.approx(second, abs=1e-5)
    assert score_pairs(whole)[0] != pytest.approx(expected[0], abs=1e-3)


def test_curve_begins_and_ends_at_the_two_models(checkpoint, pruned, data, tmp_path):
    folder, report = pruned
    assert [point["share"] for point in report["curve"]] == [1.0, 0.75, 0.5]
    assert report["curve"][0]["by_importance"] == report["curve"][0]["at_random"]
    for point, path in ((report["curve"][0], checkpoint), (report["curve"][-1], folder)):
        loaded = load_checkpoint(path)
        ids = [loaded.tokenizers.source(source, add_special_tokens=False)["input_ids"] for source, _ in PAIRS]
        labels = [loaded.tokenizers.target(target, add_special_tokens=False)["input_ids"] for _, target in PAIRS]
        scores = score_ids(loaded.model, [[2, *row, 3] for row in ids], [[*row, 3] for row in labels])
        expected = -sum(map(sum, scores)) / sum(map(len, scores))
        assert point["by_importance"]["loss"] == pytest.approx(expected, rel=1e-4)
        written = seq2seq.evaluate(path, [data], output=tmp_path / path.name, evaluation={"metrics": ["chrf"]})
        scored = written["rows"][loaded.description.plan]["chrf"]
        assert point["by_importance"]["chrf"] == pytest.approx(scored)
    assert json.loads((folder / "pruning.json").read_text()) == report


def test_pruned_checkpoint_generates_and_is_analyzed_and_pruned_again(pruned, data, tmp_path):
    folder, report = pruned
    assert len(seq2seq.generate(folder, TEXTS)) == 3
    heads = seq2seq.analyze_heads(folder, [data], output=tmp_path / "heads")
    assert {site["name"]: site["heads"] for site in heads["sites"] if len(site["heads"]) < 4} == report["pruned"]
    assert all(len(site["importance"]) == len(site["heads"]) for site in heads["sites"])
    seq2seq.analyze_attention(folder, TEXTS[:1], output=tmp_path / "attention", num_beams=1)
    again = seq2seq.prune(folder, [data], output=tmp_path / "smaller", keep=0.75, curve=False)
    assert (again["curve"], again["before"]) == ([], report["after"])
    assert all(set(heads) <= set(report["pruned"].get(site, range(4))) for site, heads in again["pruned"].items())
    assert load_checkpoint(tmp_path / "smaller").model.pruned == again["pruned"]


def test_removed_heads_have_no_statistics(pruned, tmp_path):
    folder, report = pruned
    looked = seq2seq.analyze_attention(folder, ["the cat"], ["a cat"], output=tmp_path, pictures=False)
    for kind in ("encoder", "decoder", "cross"):
        sites = [site for site in list_sites(load_checkpoint(folder).model) if site.kind == kind]
        for figures in looked["statistics"][kind].values():  # "punctuation" too, of which there is none
            for site, values in zip(sites, figures, strict=True):
                left = report["pruned"].get(site.name, range(4))
                assert [head for head, value in enumerate(values) if value is not None] == list(left)


def test_pruned_checkpoint_trains_on_and_stays_pruned(pruned, data, command, tmp_path):  # noqa: F811
    folder, report = pruned
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"task: summarization\noutput: {tmp_path / 'run'}\n"
        f"model: {{plan: pretrained, checkpoint: {folder}}}\n"
        f"data: {{train: ['{data}'], validation: ['{data}'], max_source_tokens: 32, max_target_tokens: 16}}\n"
        "training: {batch_examples: 3, max_steps: 4, learning_rate: 1.0e-2, checkpoint_every_steps: 2, "
        "validate_every_steps: 2, warmup_steps: 0}\ngeneration: {max_target_tokens: 8}\n"
    )
    assert command("train", recipe)[0] == 0
    assert f"seq2seq export {tmp_path / 'run'} --output exported" in (tmp_path / "run/README.md").read_text()
    last = tmp_path / "run/checkpoints/step_00000004"
    whole = load_file(last / "model.safetensors")
    shutil.rmtree(last)
    code, _, err = command("train", recipe, "--resume")
    assert code == 0, err
    resumed = load_file(last / "model.safetensors")
    assert all(torch.equal(tensor, whole[name]) for name, tensor in resumed.items())
    trained = load_checkpoint(last).model
    assert trained.pruned == report["pruned"]
    before = dict(load_checkpoint(folder).model.named_parameters())
    assert any(not torch.equal(p, before[name]) for name, p in trained.named_parameters())
    for first, second in zip(list_sites(trained), list_sites(load_checkpoint(folder).model), strict=True):
        assert first.heads == second.heads


def test_checkpoints_with_different_heads_are_not_averaged(checkpoint, pruned, tmp_path):
    with pytest.raises(CheckpointError, match=r"of another kind:(.|\n)*pruned.encoder"):
        average_checkpoints([checkpoint, pruned[0]], tmp_path / "average")


def test_export_to_transformers_has_zeros_in_the_place_of_heads(pruned, tmp_path):
    folder, report = pruned
    exported = seq2seq.export(folder, output=tmp_path / "export", format="transformers")
    assert exported.restored == report["before"]["heads"] - report["after"]["heads"]
    model, tokenizer = (loader.from_pretrained(tmp_path / "export") for loader in (EncoderDecoderModel, AutoTokenizer))
    inputs = tokenizer(TEXTS, return_tensors="pt", padding=True)
    texts = tokenizer.batch_decode(model.eval().generate(**inputs), skip_special_tokens=True)
    assert (
        [text.strip() for text in texts]
        == seq2seq.generate(folder, TEXTS)
        == seq2seq.generate(tmp_path / "export", TEXTS)
    )
    assert load_checkpoint(tmp_path / "export").model.pruned == {}


def test_export_to_ctranslate2_is_equal_and_says_what_it_restored(pruned, command, tmp_path):  # noqa: F811
    pytest.importorskip("ctranslate2")
    folder, report = pruned
    code, _, err = command("export", folder, "--output", tmp_path / "export")
    assert code == 0
    restored = report["before"]["heads"] - report["after"]["heads"]
    assert f"{restored} heads that were pruned are zeros in it" in " ".join(err.split())
    assert seq2seq.generate(tmp_path / "export", TEXTS) == seq2seq.generate(folder, TEXTS)


def test_model_built_from_what_the_checkpoint_says_has_its_shapes(pruned):
    """As a sharded model is gathered."""
    small = load_checkpoint(pruned[0]).model
    with torch.device("meta"):
        built = build_model(small.config, small.sharing, small.pruned)
    assert {n: p.shape for n, p in built.named_parameters()} == {n: p.shape for n, p in small.named_parameters()}


def test_command_prints_and_draws_the_curve(checkpoint, data, command, tmp_path, drawn):  # noqa: F811
    options = ("--keep", "0.5", "--per-round", "0.5", "--metrics", "chrf")
    code, out, err = command("prune", checkpoint, "--data", data, *options, "--output", tmp_path / "small")
    assert code == 0
    assert "(100%)" in out and "(50%)" in out
    assert Image.open(tmp_path / "small/pruning.png").size[0] > 600
    written = " ".join(err.split())
    assert f"Written: {tmp_path / 'small'}:" in written
    assert f"model: {{plan: pretrained, checkpoint: {tmp_path / 'small'}}}" in written


def test_layers_go_before_heads(checkpoint, data, tmp_path):
    report = seq2seq.prune(
        checkpoint, [data], output=tmp_path / "small", encoder_layers=1, decoder_layers=1, keep=0.5, per_round=0.5
    )
    assert report["after"]["layers"] == {"encoder": 1, "decoder": 1}
    small = load_checkpoint(tmp_path / "small").model
    assert small.config.encoder.num_hidden_layers == small.config.decoder.num_hidden_layers == 1
    # The curve begins where the layers have gone.
    assert report["curve"][0]["heads"] == report["before"]["heads"] // 2 == 2 * report["after"]["heads"]
    last = report["layer_losses"][-1]
    assert report["curve"][0]["by_importance"]["loss"] == pytest.approx(last["loss"], rel=1e-5)
    assert len(last["encoder"]) == len(last["decoder"]) == 1
    assert len(seq2seq.generate(tmp_path / "small", TEXTS)) == 3


def test_share_that_keeps_all_heads_of_the_layers_left_is_said(checkpoint, data, command, tmp_path):  # noqa: F811
    layers = ("--encoder-layers", "1", "--decoder-layers", "1")
    arguments = ("prune", checkpoint, "--data", data, "--output", tmp_path / "small", *layers, "--keep", "0.96")
    code, _, err = command(*arguments)
    report = json.loads((tmp_path / "small/pruning.json").read_text())
    assert (code, report["after"]) == (0, report["without_layers"])
    assert f"No head went: 0.96 of the {report['after']['heads']} in the layers that are left" in " ".join(err.split())


def test_unevenly_pruned_model_loses_layers_and_heads_down_to_one_a_site(checkpoint, data, command, tmp_path):  # noqa: F811
    """The few heads that are left after the layers may be fewer than the share asked for allows."""
    loaded = load_checkpoint(checkpoint)
    sites = list_sites(loaded.model)
    remove_heads(loaded.model, {site.name: [0] for site in sites if site.layer == 0})
    write_checkpoint(tmp_path / "uneven", loaded.model, loaded.tokenizers, loaded.description)
    layers = ("--encoder-layers", "1", "--decoder-layers", "1")
    for keep in (0.45, 0.8):
        arguments = ("--output", tmp_path / f"{keep}", *layers, "--keep", str(keep))
        code, _, err = command("prune", tmp_path / "uneven", "--data", data, *arguments)
        assert code == 0, err
        report = json.loads((tmp_path / f"{keep}/pruning.json").read_text())
        left, after = report["without_layers"]["heads"], report["after"]["heads"]
        wanted, least = round(keep * left), len(list_siblings(load_checkpoint(tmp_path / f"{keep}").model))
        assert after == max(wanted, least)
        assert ("heads are left, more than the" in " ".join(err.split())) == (wanted < least)
        assert len(seq2seq.generate(tmp_path / f"{keep}", TEXTS)) == 3


def test_texts_that_were_cut_are_counted(checkpoint, data, command, tmp_path):  # noqa: F811
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"source": "the cat " * 50, "target": "a cat"}))
    arguments = ("--data", path, "--output", tmp_path / "small", "--keep", "0.5", "--no-curve")
    _, _, err = command("prune", checkpoint, *arguments)
    assert "--data: cut at the model's limits: sources 1, targets 0 (at 32 and" in " ".join(err.split())
    _, _, err = command("analyze", "heads", checkpoint, "--data", path, "--output", tmp_path / "heads")
    assert "--data: cut at the model's limits: sources 1, targets 0 (at 32 and" in " ".join(err.split())
    assert json.loads((tmp_path / "heads/heads.json").read_text())["truncated_sources"] == 1
    arguments = ("--data", data, "--test", path, "--output", tmp_path / "other", "--keep", "0.5")
    _, _, err = command("prune", checkpoint, *arguments)
    assert "--test: cut at the model's limits: sources 1, targets 0" in " ".join(err.split())
    assert "--data: cut" not in err


def test_published_encoder_decoder_is_pruned(data, tmp_path):
    published = save_published(tmp_path, "bart")
    report = seq2seq.prune(published, [data], output=tmp_path / "small", keep=0.5, per_round=0.5)
    assert report["after"]["heads"] * 2 == report["before"]["heads"]
    seq2seq.export(tmp_path / "small", output=tmp_path / "whole", format="transformers")
    assert seq2seq.generate(tmp_path / "small", TEXTS) == seq2seq.generate(tmp_path / "whole", TEXTS)


def test_family_whose_attention_does_not_run_with_fewer_heads_is_refused_at_once(data, tmp_path, monkeypatch):
    """MVP's, for instance, gives its states the width of the config; here BART's is made to."""
    published = save_published(tmp_path, "bart")
    whole = BartAttention.forward

    def forward(self, hidden_states, *args, **kwargs):
        states, *others = whole(self, hidden_states, *args, **kwargs)
        self.v_proj.weight.view(self.embed_dim, self.embed_dim)
        return (states, *others)

    monkeypatch.setattr(BartAttention, "forward", forward)
    with pytest.raises(AnalysisError, match="the attention of a bart does not run with fewer heads: shape"):
        seq2seq.prune(published, [data], output=tmp_path / "small", keep=0.5)
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({}, AnalysisError, "Nothing is to be removed. Say which share of heads to keep, or how many layers."),
        ({"keep": 0.0}, AnalysisError, r"keep: input should be greater than 0 \(found: 0.0\)"),
        ({"keep": 1.0}, AnalysisError, r"keep: input should be less than 1 \(found: 1.0\)"),
        (
            {"keep": 0.5, "per_round": 2},
            AnalysisError,
            r"per_round: input should be less than or equal to 1 \(found: 2\)",
        ),
        ({"keep": 0.99}, AnalysisError, "heads, keeping 0.99 removes none"),
        (
            {"keep": 0.05},
            AnalysisError,
            r"each of (4|6) attention sites keeps at least one of its heads, 0.25 of all (16|24); asked for was 0.05",
        ),
        (
            {"encoder_layers": 1, "metrics": ["chrf"]},
            AnalysisError,
            "metrics and test are of the curve of heads: set keep",
        ),
        ({"keep": 0.5, "curve": False, "test": ["x.jsonl"]}, AnalysisError, "metrics and test are of the curve"),
        ({"keep": 0.5, "metrics": ["blue"]}, ScoringError, "unknown metric 'blue'"),
        (
            {"encoder_layers": 3, "decoder_layers": 3},
            AnalysisError,
            "the encoder has 2 layers and can keep 1 to 2; 3 were asked",
        ),
    ],
)
def test_wrong_options_are_refused(checkpoint, data, tmp_path, options, error, message):
    with pytest.raises(error, match=message):
        seq2seq.prune(checkpoint, [data], output=tmp_path / "small", **options)
    assert not (tmp_path / "small").exists()


@pytest.mark.parametrize(
    "function", ["analysis.pruning_rounds._compute_loss", "verbs.analyze.heads.compute_importance"]
)
def test_memory_that_runs_out_is_told(checkpoint, data, tmp_path, monkeypatch, function):
    def run_out(*arguments, **options):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(f"seq2seq.{function}", run_out)
    with pytest.raises(AnalysisError, match="Memory ran out with batches of 512 tokens. Lower batch_tokens"):
        if "pruning" in function:
            seq2seq.prune(checkpoint, [data], output=tmp_path / "small", keep=0.5, batch_tokens=512)
        else:
            seq2seq.analyze_heads(checkpoint, [data], output=tmp_path / "heads", batch_tokens=512)


def test_output_that_exists_is_left_alone(checkpoint, data, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/thesis.txt").write_text("mine")
    with pytest.raises(AnalysisError, match="exists. Choose another output"):
        seq2seq.prune(checkpoint, [data], output=tmp_path / "mine", keep=0.5)
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.txt"]


def test_output_that_cannot_be_written_is_refused_before_any_work(checkpoint, data, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="the folder cannot be made"):
        seq2seq.prune(checkpoint, [data], output=tmp_path / "file" / "small", keep=0.5)
