"""`--help` of every command: whole names of options at 80 columns, and no flag that there ever was is gone."""

import shutil
from collections.abc import Iterator

import pytest
import typer

from seq2seq.cli.main import app

DATA = "--data --source-column --target-column --header"
# Flags that other people's scripts may use; further ones may come.
FLAGS = {
    "train": "--resume --no-resume",
    "generate": "--text --input --output --column --header --engine --resume --strict --window --num-beams "
    "--max-target-tokens --min-target-tokens --length-penalty --length-penalty-form --no-repeat-ngram-size "
    "--repetition-penalty --sampling --no-sampling --temperature --top-k --top-p --seed --num-outputs --target-prefix "
    "--scores --no-scores --batch-tokens --max-source-tokens",
    "evaluate": f"{DATA} --output --metrics --max-source-tokens --num-beams",
    "average": "--output --last",
    "prune": f"{DATA} --output --keep --encoder-layers --decoder-layers --per-round --normalized --test --metrics "
    "--curve --no-curve --seed --batch-tokens --max-source-tokens",
    "export": "--output --format --quantization --data",
    "push": "--license --license-name --license-link --language --datasets --private --revision --message --samples "
    "--dry-run",
    "score": "--predictions --references --metrics --sources --checkpoint --normalization --intervals --no-intervals "
    "--seed",
    "compare": "--metrics --references --sources --normalization --trials --seed",
    "report": "--output --samples",
    "init": "--output --source-column --target-column --header --delimiter --quoting --task --validation --test --plan "
    "--encoder --decoder --checkpoint --seed",
    "inspect": "--examples --time --no-time --json",
    "plans": "",
    "analyze attention": "--text --target --output --pictures --no-pictures --max-source-tokens --num-beams",
    "analyze heads": f"{DATA} --output --normalized --batch-tokens --max-source-tokens",
    "tokenizer train": "--data --output --kind --size --lowercase --columns --source-column --target-column --header "
    "--normalization",
    "recipes": "",
    "recipes show": "",
    "recipes copy": "",
}


def list_commands(command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, object]]:
    """Every command by its whole name, groups before what they hold."""
    yield " ".join(path), command
    for name, inner in getattr(command, "commands", {}).items():
        yield from list_commands(inner, (*path, name))


COMMANDS = dict(list_commands(typer.main.get_command(app)))


def test_every_command_is_in_the_table():
    assert set(FLAGS) | {"", "analyze", "tokenizer"} == set(COMMANDS)


@pytest.mark.parametrize("name", FLAGS)
def test_no_flag_of_a_command_is_gone(name):
    flags = {flag for option in COMMANDS[name].params for flag in (*option.opts, *option.secondary_opts)}
    assert set(FLAGS[name].split()) <= flags


@pytest.mark.parametrize("name", COMMANDS)
def test_at_80_columns_no_line_is_longer_and_no_name_of_an_option_is_cut(seq2seq, monkeypatch, name):
    monkeypatch.setenv("COLUMNS", "80")
    assert shutil.get_terminal_size().columns == 80
    code, out, _ = seq2seq(*name.split(), "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    words = out.split()
    for option in COMMANDS[name].params:
        for flag in (*option.opts, *option.secondary_opts):
            if flag.startswith("--"):
                assert flag in words


def test_no_line_of_the_list_of_commands_is_cut(seq2seq, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("", "analyze", "tokenizer", "recipes"):
        _, listed = seq2seq(*name.split(), "--help")[1].split("Commands:")
        assert "..." not in listed
