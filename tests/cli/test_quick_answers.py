"""What needs no model is said before torch is imported, as a process of its own tells by its modules."""

import json
import subprocess
import sys

import pytest

from seq2seq.base.version import VERSION

SLOW = ("torch", "transformers", "accelerate", "datasets", "matplotlib", "pandas", "tokenizers", "ctranslate2")
# Runs commands one after the other; of each, exit code, standard output, standard error and what is imported by then.
CODE = f"""
import contextlib, io, json, sys
from seq2seq.cli.main import main

def answer(command):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["seq2seq", *command.split()]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return code, out.getvalue(), err.getvalue(), [name for name in {SLOW} if name in sys.modules]

print(json.dumps({{command: answer(command) for command in json.load(sys.stdin)}}))
"""
RECIPE = """
task: sentence_fusion
output: {folder}/run
model: {{encoder: {folder}/none}}
data: {{train: {folder}/pairs.jsonl, columns: {{source: source}}}}
training: {{max_steps: 1}}
"""


SHOWN = {
    "--help": "generate",
    "--version": f"seq2seq {VERSION}\n",
    "plans": "bertshare",
    "recipes": "summarization/xsum/bertshare",
    "recipes show quickstart": "task: sentence_fusion",
}
REFUSED = {
    "train nope": "nope: there is no such recipe.",
    "train recipe.yaml training.max_stps=3": "training.max_stps: unknown key (found: 3). Did you mean 'max_steps'?",
    "train recipe.yaml seed": "'seed': expected an override of the form key.path=value",
    "train recipe.yaml data.validation=gone.jsonl": "gone.jsonl: there is no such file.",
    "train recipe.yaml data.columns.target=text": "pairs.jsonl line 1: column 'text' is missing",
    "init gone.csv": "gone.csv: there is no such file.",
    "init texts.txt": "texts.txt: expected pairs in rows",
    "init pairs.jsonl --task sumarization": "'sumarization' is unknown.",
    "init pairs.jsonl --checkpoint a --plan bert2bert": "checkpoint: is trained on as it is; leave plan out",
    "inspect recipe.yaml data.test=gone.csv": "gone.csv: there is no such file.",
    "inspect nope": "nope: there is no such recipe.",
    "generate no/such/run --text a": "no/such/run does not exist.",
    "generate runs --text a": "runs is neither a run folder",
    "generate published --input gone.txt": "gone.txt: there is no such file.",
    "generate published --text a --num-beams 0": "--num-beams: input should be greater than 0",
    "generate published --input texts.txt --column a": "texts.txt is plain text: columns and a header are for rows",
    "evaluate no/such/run --data pairs.jsonl": "no/such/run does not exist.",
    "evaluate published --data gone.jsonl": "gone.jsonl: there is no such file.",
    "evaluate published --data pairs.jsonl --source-column text": "column 'text' is missing",
    "evaluate published --data pairs.jsonl --metrics blue": "unknown metric 'blue'",
    "score --predictions gone.txt --references texts.txt --metrics bleu": "gone.txt: there is no such file.",
    "score --predictions texts.txt --references texts.txt --metrics blue": "unknown metric 'blue'",
    "compare gone.txt texts.txt --metrics bleu": "gone.txt: there is no such file.",
    "report nowhere": "nowhere is no run folder: it has no recipe.yaml.",
    "prune no/such/run --data pairs.jsonl --keep 0.5 --output small": "no/such/run does not exist.",
    "prune published --data gone.jsonl --keep 0.5 --output small": "gone.jsonl: there is no such file.",
    "prune published --data pairs.jsonl --output small": "Nothing is to be removed.",
    "analyze heads no/such/run --data pairs.jsonl": "no/such/run does not exist.",
    "analyze heads published --data pairs.jsonl --target-column text": "column 'text' is missing",
    "analyze attention no/such/run --text a": "no/such/run does not exist.",
    "export no/such/run --output out": "no/such/run does not exist.",
    "export published --output out --data gone.jsonl": "gone.jsonl: there is no such file.",
    "average no/such/run other/such/run --output out": "no/such/run does not exist.",
    "push no/such/run me/mine": "no/such/run does not exist.",
    "push published me/a--b": "Cannot have -- or .. in repo_id",
    "push published me/mine --license MIT": "did you mean mit",
    "push published me/mine --license mit --language de --datasets none": "is no checkpoint of this project",
    "tokenizer train --data gone.jsonl --output out": "gone.jsonl: there is no such file.",
    "recipes show quikstart": "Did you mean quickstart?",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory) -> dict[str, list]:
    """What all commands said, by command, in a folder with a recipe, pairs and what looks like a checkpoint."""
    folder = tmp_path_factory.mktemp("answers")
    (folder / "pairs.jsonl").write_text(json.dumps({"source": "the cat sat", "target": "a cat"}) + "\n")
    (folder / "recipe.yaml").write_text(RECIPE.format(folder=folder))
    (folder / "texts.txt").write_text("a\n")
    (folder / "runs").mkdir()
    (folder / "published").mkdir()
    (folder / "published/config.json").write_text("{}")
    commands = json.dumps([*SHOWN, *REFUSED])
    command = [sys.executable, "-c", CODE]
    done = subprocess.run(command, cwd=folder, input=commands, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("command", SHOWN)
def test_what_needs_no_model_is_shown_without_torch(answers, command):
    code, out, _, imported = answers[command]
    assert (code, imported) == (0, [])
    assert SHOWN[command] in out


@pytest.mark.parametrize("command", REFUSED)
def test_mistake_that_needs_no_model_is_told_without_torch(answers, command):
    code, out, err, imported = answers[command]
    assert (code, out, imported) == (1, "", [])
    assert REFUSED[command] in " ".join(err.split())
    assert "Traceback" not in err
