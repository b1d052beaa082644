"""`training.precision: auto`: settled once by all processes, told, recorded, and kept by a run that goes on."""

import pytest
import yaml

import seq2seq
from seq2seq.base.errors import TrainingError, TrainingInterrupted
from seq2seq.recipe.recipe import load_recipe
from seq2seq.training.precision import NARROWEST, VARIABLE
from tests.conftest import save_bert
from tests.training.faults import send_at_step
from tests.training.fork_server import launch_in_forks
from tests.training.runs import hash_weights, read_events, write_recipe

SLOW = "The run computes in bf16, as it did before, and that is slow here: SEQ2SEQ_BF16 says no."


@pytest.fixture(scope="module")
def wide_bert(tmp_path_factory):
    """One layer, wide enough for bf16."""
    shape = {"hidden_size": NARROWEST, "num_hidden_layers": 1, "intermediate_size": 64}
    return save_bert(tmp_path_factory.mktemp("wide_bert"), **shape)


@pytest.fixture
def fast(monkeypatch):
    """Whatever machine this is, it is fast in bf16."""
    monkeypatch.setenv(VARIABLE, "yes")


def read_precision(run):
    return yaml.safe_load((run / "recipe.yaml").read_text())["training"]["precision"]


def write_auto(folder, bert, name="run", **changes):
    return write_recipe(folder, bert, name, precision="auto", max_steps=4, **changes)


def begin(path, monkeypatch):
    """A run that stops after step 2."""
    with monkeypatch.context() as patch, pytest.raises(TrainingInterrupted):
        send_at_step(patch, "SIGTERM", 2)
        seq2seq.train(path)
    return path.with_suffix("")


def read_losses(run):
    return [event["loss"] for event in read_events(run, "train")]


def test_auto_is_the_default(wide_bert, tmp_path):
    path = write_recipe(tmp_path, wide_bert)
    values = yaml.safe_load(path.read_text())
    del values["training"]["precision"]
    path.write_text(yaml.safe_dump(values))
    assert load_recipe(path).training.precision == "auto"


def test_wide_model_on_a_fast_machine_is_the_run_that_names_bf16(wide_bert, tmp_path, fast, capsys):
    run = seq2seq.train(write_auto(tmp_path, wide_bert))
    assert read_precision(run) == "bf16"
    assert "training.precision is bf16: SEQ2SEQ_BF16 says yes." in capsys.readouterr().err
    assert "training.precision is bf16" in (run / "log.txt").read_text()
    named = seq2seq.train(write_recipe(tmp_path, wide_bert, "named", max_steps=4, precision="bf16"))
    assert "training.precision" not in capsys.readouterr().err
    assert hash_weights(run, 4) == hash_weights(named, 4)


@pytest.mark.parametrize("said", ["no", "yes"])
def test_slow_machine_and_narrow_model_are_the_run_that_names_fp32(
    tiny_bert, wide_bert, tmp_path, monkeypatch, capsys, said
):
    monkeypatch.setenv(VARIABLE, said)
    bert = wide_bert if said == "no" else tiny_bert
    run = seq2seq.train(write_auto(tmp_path, bert))
    assert read_precision(run) == "fp32"
    reason = {"no": "SEQ2SEQ_BF16 says no.", "yes": f"the model is 32 wide, and bf16 gains from a width of {NARROWEST}"}
    assert f"training.precision is fp32: {reason[said]}" in capsys.readouterr().err
    named = seq2seq.train(write_recipe(tmp_path, bert, "named", max_steps=4, precision="fp32"))
    assert hash_weights(run, 4) == hash_weights(named, 4)


def test_bf16_is_gone_on_with_where_it_is_slow_bit_for_bit_and_told(wide_bert, tmp_path, fast, monkeypatch, capsys):
    whole = seq2seq.train(write_auto(tmp_path, wide_bert, "whole"))
    path = write_auto(tmp_path, wide_bert)
    run = begin(path, monkeypatch)
    monkeypatch.setenv(VARIABLE, "no")
    capsys.readouterr()
    seq2seq.train(path, resume=True)
    told = capsys.readouterr().err
    assert SLOW in told
    assert "training.precision is" not in told
    assert (read_precision(run), hash_weights(run, 4)) == ("bf16", hash_weights(whole, 4))


def test_bf16_is_gone_on_with_in_silence_where_it_is_fast(wide_bert, tmp_path, fast, monkeypatch, capsys):
    path = write_auto(tmp_path, wide_bert)
    begin(path, monkeypatch)
    capsys.readouterr()
    seq2seq.train(path, resume=True)
    assert "computes in bf16" not in capsys.readouterr().err


def test_fp32_is_gone_on_with_where_bf16_would_be_faster(wide_bert, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(VARIABLE, "no")
    whole = seq2seq.train(write_auto(tmp_path, wide_bert, "whole"))
    path = write_auto(tmp_path, wide_bert)
    run = begin(path, monkeypatch)
    monkeypatch.setenv(VARIABLE, "yes")
    capsys.readouterr()
    seq2seq.train(path, resume=True)
    assert "computes in bf16" not in capsys.readouterr().err
    assert (read_precision(run), hash_weights(run, 4)) == ("fp32", hash_weights(whole, 4))


def test_run_that_came_to_no_checkpoint_keeps_what_was_settled(wide_bert, tmp_path, fast, monkeypatch):
    path = write_auto(tmp_path, wide_bert)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="the power fails"):
        patch.setattr("seq2seq.training.trainer.Trainer._run_step", _fail)
        seq2seq.train(path)
    assert read_precision(path.with_suffix("")) == "bf16"
    monkeypatch.setenv(VARIABLE, "no")
    assert read_precision(seq2seq.train(path, resume=True)) == "bf16"


def _fail(*arguments):
    raise RuntimeError("the power fails")


def test_auto_of_a_run_that_is_not_there_yet_is_settled_with_resume_too(wide_bert, tmp_path, fast):
    assert read_precision(seq2seq.train(write_auto(tmp_path, wide_bert), resume=True)) == "bf16"


def test_another_precision_than_was_settled_is_refused(wide_bert, tmp_path, fast, monkeypatch):
    path = write_auto(tmp_path, wide_bert)
    begin(path, monkeypatch)
    with pytest.raises(TrainingError, match="training.precision: the run has 'bf16', the recipe now says 'fp32'"):
        seq2seq.train(path, ["training.precision=fp32"], resume=True)


def test_precision_that_a_run_cannot_have_had_is_named(wide_bert, tmp_path, fast, monkeypatch):
    path = write_auto(tmp_path, wide_bert)
    run = begin(path, monkeypatch)
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("precision: bf16", "precision: fp64"))
    with pytest.raises(TrainingError, match="training.precision: the run has 'fp64', the recipe now says 'auto'"):
        seq2seq.train(path, resume=True)


def test_record_that_was_put_back_to_auto_is_settled_by_this_machine(wide_bert, tmp_path, fast, monkeypatch, capsys):
    path = write_auto(tmp_path, wide_bert)
    run = begin(path, monkeypatch)
    text = (run / "recipe.yaml").read_text()
    (run / "recipe.yaml").write_text(text.replace("precision: bf16", "precision: auto"))
    monkeypatch.setenv(VARIABLE, "no")
    capsys.readouterr()
    seq2seq.train(path, resume=True)
    assert "training.precision is fp32: SEQ2SEQ_BF16 says no." in capsys.readouterr().err


def test_run_from_before_there_was_auto_goes_on_in_fp32(wide_bert, tmp_path, fast, monkeypatch):
    """Its recipe had no precision, and neither has the one that it goes on with."""
    whole = seq2seq.train(write_recipe(tmp_path, wide_bert, "whole", max_steps=4, precision="fp32"))
    path = write_recipe(tmp_path, wide_bert, max_steps=4, precision="fp32")
    run = begin(path, monkeypatch)
    for recipe in (path, run / "recipe.yaml"):
        values = yaml.safe_load(recipe.read_text())
        del values["training"]["precision"]
        recipe.write_text(yaml.safe_dump(values))
    seq2seq.train(path, resume=True)
    assert hash_weights(run, 4) == hash_weights(whole, 4)


def test_one_process_that_is_slow_decides_for_all(wide_bert, tmp_path):
    path = write_auto(tmp_path, wide_bert, model={"dropout": 0.0})
    result = launch_in_forks(2, "tests.runs.train_on_unlike_machines", str(path))
    assert result.returncode == 0, result.stderr[-3000:]
    told = "training.precision is fp32: as process 1 finds, SEQ2SEQ_BF16 says no."
    assert result.stderr.count("training.precision is") == result.stderr.count(told) == 1
    assert read_precision(path.with_suffix("")) == "fp32"
    # Both compute so: bf16 would be off by some thousandths.
    one = write_recipe(tmp_path, wide_bert, "one", model={"dropout": 0.0}, max_steps=4, precision="fp32")
    assert read_losses(path.with_suffix("")) == pytest.approx(read_losses(seq2seq.train(one)), rel=1e-4)


def test_inspect_computes_as_the_run_would(wide_bert, tmp_path, fast, capsys):
    seq2seq.inspect(write_auto(tmp_path, wide_bert), time=False)
    assert "training.precision is bf16: SEQ2SEQ_BF16 says yes." in capsys.readouterr().err
