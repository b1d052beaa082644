"""What all commands share: mistakes as one message without a traceback, and the module form."""

import subprocess
import sys

import pytest

from tests.cli.small_files import write_recipe


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "missing.yaml"), "RecipeError: missing.yaml: there is no such recipe."),
        (("generate", "runs/none/at/all", "--text", "a"), "CheckpointError: runs/none/at/all does not exist"),
        (("report", "nowhere"), "CheckpointError: nowhere is no run folder: it has no recipe.yaml"),
    ],
)
def test_mistakes_show_as_one_message(seq2seq, arguments, message):
    code, out, err = seq2seq(*arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert "Traceback" not in err


def test_markup_in_a_message_is_shown_as_it_is(seq2seq, tiny_bert, tmp_path, pairs):
    _, _, err = seq2seq("train", write_recipe(tmp_path, tiny_bert, pairs), "[red]=1")
    assert "RecipeError: '[red]=1': expected an override of the form key.path=value" in err


def test_module_form_is_the_same_command():
    result = subprocess.run([sys.executable, "-m", "seq2seq", "--help"], capture_output=True, text=True, check=True)
    assert "Usage: seq2seq" in result.stdout or "Usage: python -m seq2seq" in result.stdout
    assert "generate" in result.stdout


def test_one_process_of_a_machine_speaks_for_all(seq2seq, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert seq2seq("train", "missing.yaml") == (1, "", "")


def test_quiet_command_shows_results_alone(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    code, out, err = seq2seq("train", recipe, "--quiet")
    assert (code, err) == (0, "")
    assert "2 test pairs" in " ".join(out.split())
    run = tmp_path / "run"
    assert seq2seq("--quiet", "report", run)[0::2] == (0, "")
    # It holds for that command alone.
    assert "Written: " in seq2seq("report", run)[2]


@pytest.mark.parametrize("arguments", [("--quiet", "train", "missing.yaml"), ("train", "missing.yaml", "--quiet")])
def test_quiet_command_shows_mistakes(seq2seq, arguments):
    code, out, err = seq2seq(*arguments)
    assert (code, out) == (1, "")
    assert "RecipeError: missing.yaml: there is no such recipe." in err


@pytest.mark.parametrize("command", [("plans",), ("recipes", "show", "quickstart")])
def test_every_command_knows_quiet(seq2seq, command):
    code, out, err = seq2seq(*command, "--quiet")
    assert (code, err) == (0, "")
    assert out


def test_completion_is_shown_for_a_shell(seq2seq, monkeypatch):
    monkeypatch.setenv("_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION", "1")
    code, out, _ = seq2seq("--show-completion", "bash")
    assert code == 0
    assert "complete -o default" in out
