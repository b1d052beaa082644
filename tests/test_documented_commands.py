"""Every command and block of Python in the README and docs/ runs as written, page by page and in the page's order.

Each page has a folder with what it takes for granted, tiny, under the names that it uses: data, checkpoints, recipes
cut down, runs. What cannot run here stands in PARSED_ONLY with its reason, and goes through its program's parser.
"""

import gzip
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path
from random import Random

import accelerate.commands.launch
import pytest
import torch.distributed.run
import yaml

import seq2seq
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.cli.main import main
from seq2seq.embedded.corpus import SPLITS
from tests.conftest import WORDS, build_description, save_bert
from tests.documents import NAMES, ROOT, list_all_commands, list_blocks, list_commands, list_commands_in_text, parse
from tests.families import save_family

# In a process of its own: where pip was imported, torch can compile nothing any more.
PIP_PARSER = """
import sys
from pip._internal.commands import create_command
create_command(sys.argv[1]).parse_args(sys.argv[2:])
"""
SUITE = "is this suite"
LONG = "installs packages and trains for minutes; tests/test_quickstart.py, a slow one, trains"
INSTALLS = "installs packages, from the network"
PROCESSES = "starts processes; tests/launch/test_processes.py runs it"
SEVERAL_MACHINES = "needs several machines; tests/launch/test_processes.py runs it on one"
GPU = "needs GPUs"
NETWORK = "uploads, over the network"
SCHEDULER = "needs SLURM; tests/launch/test_jobs.py runs it with stubs"
MEASURES = "measures for minutes"
SERVES = "serves pages until it is stopped"
SITE = "is the slow test of tests/test_documents.py"
REFUSED = "is shown as a mistake"
PARSED_ONLY = {
    "launch/test.sh": SUITE,
    "launch/test.sh tests/data -k csv": SUITE,
    "launch/test.sh -m slow": SUITE,
    "launch/quickstart.sh": LONG,
    "source .venv/bin/activate": INSTALLS,
    "pip install -c constraints.txt -e .": INSTALLS,
    "pip install .[trackers]": INSTALLS,
    "launch/torchrun/one_node.sh my_recipe.yaml": PROCESSES,
    "launch/torchrun/one_node.sh RECIPE.yaml": PROCESSES,
    "PROCESSES=2 launch/torchrun/one_node.sh RECIPE.yaml": PROCESSES,
    "NODES=2 MAIN_NODE=node1:29500 launch/torchrun/several_nodes.sh RECIPE.yaml": SEVERAL_MACHINES,
    "torchrun --nproc-per-node 4 -m seq2seq generate ...": GPU,
    "accelerate launch --config_file launch/accelerate/one_gpu.yaml -m seq2seq train RECIPE.yaml": GPU,
    "accelerate launch --config_file launch/accelerate/one_node.yaml --num_processes 4 "
    "-m seq2seq train RECIPE.yaml": GPU,
    "accelerate launch --cpu --num_processes 2": REFUSED,
    "sbatch launch/slurm/one_node.sh my_recipe.yaml": SCHEDULER,
    "sbatch launch/slurm/one_gpu.sh RECIPE.yaml": SCHEDULER,
    "sbatch launch/slurm/one_node.sh RECIPE.yaml": SCHEDULER,
    "sbatch launch/slurm/several_nodes.sh RECIPE.yaml": SCHEDULER,
    "sbatch --time=4:00:00 --nodes=4 launch/slurm/several_nodes.sh ...": SCHEDULER,
    "sbatch --signal=USR1@600": SCHEDULER,
    "seq2seq push runs/mine me/mine --license mit --language de --datasets none --private": NETWORK,
    "seq2seq push runs/mine/checkpoints/step_00001000 me/mine --license mit --language de --datasets me/pairs "
    "--revision v2": NETWORK,
    "tensorboard --logdir runs": SERVES,
    ".venv/bin/mkdocs serve": SERVES,
    "mkdocs build --strict": SITE,
    "python tests/benchmarks/busy_machine.py": MEASURES,
    "python tests/benchmarks/busy_machine.py --busy 0": MEASURES,
    "python tests/benchmarks/kill_and_resume.py": MEASURES,
    "python tests/benchmarks/kill_and_resume.py --kills 20": MEASURES,
    "python tests/benchmarks/vocabulary_trimming.py --data data/translation/multi30k_en-de/train.jsonl.gz": MEASURES,
    "OMP_NUM_THREADS=1 python tests/benchmarks/precision_by_width.py": MEASURES,
    "OMP_NUM_THREADS=1 python tests/benchmarks/pruned_speed.py runs/wikisplit_sample_bert2bert h80 h60 h40 "
    "--data test1000.jsonl --training-pairs 32 --sources 24 --rounds 3": MEASURES,
    "python tests/benchmarks/training_throughput.py --checkpoint MINILM_FOLDER --rounds 3 --steps 8 "
    "--data data/sentence_splitting/wikisplit/train.jsonl.gz": MEASURES,
    "python tests/benchmarks/generation_throughput.py --checkpoint runs/wikisplit_sample_bert2bert "
    "--data data/sentence_splitting/wikisplit/test.jsonl.gz": MEASURES,
    "python tests/benchmarks/data_scale.py order": MEASURES,
    "tests/benchmarks/gpu.sh --output gpu_figures": GPU,
    "PYTHONPATH=site PYTHON=python3 tests/benchmarks/gpu.sh --output gpu_figures": GPU,
    "pip download -d wheels pydantic": INSTALLS,
    "pip install --no-index --no-deps --target site wheels/*.whl": INSTALLS,
    "python tests/benchmarks/data_scale.py files --megabytes 200 1500": MEASURES,
}
# The letters that docs/results.md says stand for several values, and one of these.
LETTERS = {"seed=S": "seed=1", "learning_rate=R": "learning_rate=1.0e-3", "random_R_S": "random_1e-3_1", "_S": "_1"}
# What a page writes, and what takes a moment in its place; the words of the desk give no more tokens.
SIZES = {
    "training.max_steps=100": "training.max_steps=3",
    "seq2seq train mine/recipe.yaml": "seq2seq train mine/recipe.yaml training.max_steps=3",
    "--size 8000": "--size 305",
}
PAIRS = {"train": 200, "validation": 20, "test": 20}  # of the corpus that ships
# The runs that a page takes for granted.
RUNS = {
    "README.md": ["quickstart"],
    "docs/data.md": ["other"],
    "docs/generation.md": ["mine"],
    "docs/heads.md": ["mine"],
    "docs/hub.md": ["mine"],
    "docs/measuring.md": ["a", "b"],
    "docs/python.md": ["mine"],
}
# Values of a recipe that decide how long it takes, and the most that they are here.
LIMITS = {
    "max_steps": 3, "max_epochs": 1, "warmup_steps": 0, "batch_examples": 8, "checkpoint_every_steps": 3,
    "validate_every_steps": 1000, "max_source_tokens": 32, "max_target_tokens": 8,
}  # fmt: skip
PAGES = {name: (ROOT / name).read_text() for name in NAMES}
COMMANDS = {name: list_all_commands(page) for name, page in PAGES.items()}
EXAMPLES = {path.read_text() for path in ROOT.glob("tests/extensions/*.py")}  # whose own tests run them


def cut_down(values: dict) -> dict:
    """A recipe that takes a moment, on rows of the desk where the hub has the data; all else is as it was."""
    small = {}
    for key, value in values.items():
        if isinstance(value, dict):
            small[key] = cut_down(value)
        elif key in ("train", "validation", "test") and str(value).startswith("hub:"):
            small[key] = f"data/{key}.jsonl"
        elif key in LIMITS and value is not None:
            small[key] = min(value, LIMITS[key])
        else:
            small[key] = value
    return small


def write_cut_down(path: Path, text: str, **changes) -> None:
    path.write_text(yaml.safe_dump(cut_down(yaml.safe_load(text)) | changes))


def write_rows(path: Path, rows: int) -> None:
    """Rows of words, under every name that a recipe here has for its columns."""
    draw = Random(str(path.name))
    words = [word for word in WORDS.split() if word.isalpha()]
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = []
    for _ in range(rows):
        source, target = (" ".join(draw.choices(words, k=draw.randint(3, 6))) for _ in range(2))
        texts = {"source": source, "article": source, "document": source}
        lines.append(json.dumps(texts | {"target": target, "highlights": target, "summary": target}) + "\n")
    data = "".join(lines).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def write_tables(folder: Path) -> None:
    """Tables of the pages that `init` looks at."""
    draw = Random(1)
    words = [word for word in WORDS.split() if word.isalpha()]
    for name, header in (
        ("pairs.csv", "source,target"),
        ("articles.csv", "article,highlights"),
        ("pairs.tsv", "en,de"),
    ):
        lines = [header]
        for _ in range(40):
            lines.append(",".join(" ".join(draw.choices(words, k=count)) for count in (6, 3)))
        text = "\n".join(lines) + "\n"
        (folder / name).write_text(text.replace(",", "\t") if name.endswith(".tsv") else text)
    rows = (folder / "pairs.tsv").read_text().splitlines()
    (folder / "test.tsv").write_text("\n".join([rows[0], *rows[-4:]]) + "\n")


@pytest.fixture(scope="module", autouse=True)
def small_corpus() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for split, pairs in PAIRS.items():
            patch.setitem(SPLITS, split, pairs)
        yield


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """What all pages take for granted."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    for recipe in sorted(folder.glob("recipes/**/*.yaml")):
        if recipe.name != "reference.yaml":
            write_cut_down(recipe, recipe.read_text())
    sets = ["sentence_splitting/wikisplit", "sentence_fusion/wikisplit_reversed", "summarization/dialogsum"]
    for name in ["", *sets, "translation/multi30k_en-de"]:
        for split, rows in {"train": 40, "validation": 260 if name.endswith("wikisplit") else 8, "test": 8}.items():
            write_rows(folder / "data" / name / f"{split}.jsonl{'.gz' if name else ''}", rows)
    for name in ("google-bert/bert-base-uncased", "google-bert/bert-base-cased", "MINILM_FOLDER"):
        save_bert(folder / name, num_hidden_layers=4)
    save_family(folder / "FOLDER", "roformer")
    write_tables(folder)
    for name in ("texts.txt", "mine.txt", "theirs.txt"):
        (folder / name).write_text("a cat sat on the mat\nthe dog ran\n")
    (folder / "texts.jsonl").write_text('{"source": "a cat sat on the mat"}\n{"source": "the dog ran"}\n')
    return folder


def write_recipes(page: str) -> None:
    """The recipes that a page says to write: my_recipe.yaml as it shows it, else from the one to copy, and others."""
    shown = [block.text for block in list_blocks(PAGES[page]) if block.text.startswith("# my_recipe.yaml")]
    [mine] = shown or [(ROOT / "recipes/your_own_data.yaml").read_text()]
    write_cut_down(Path("my_recipe.yaml"), mine.replace("training:", "training:\n  checkpoint_every_steps: 1"))
    pair = {"plan": "pair", "encoder": "google-bert/bert-base-uncased", "decoder": "google-bert/bert-base-uncased"}
    write_cut_down(Path("recipe.yaml"), mine, model=pair, output="runs/extended")
    further = {"plan": "pretrained", "checkpoint": "smaller"}
    write_cut_down(Path("further.yaml"), mine, model=further, output="runs/further")


@pytest.fixture(scope="module")
def run_folder(desk) -> Path:
    """A run of the recipe to copy, scored as docs/data.md scores."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SEQ2SEQ_DATA", raising=False)  # data/ is the folder's own
        patch.chdir(desk)
        write_recipes("README.md")
        return desk / seq2seq.train("my_recipe.yaml", ["output=trained", "evaluation.normalization=[collapse_spaces]"])


def lay_out(page: str, desk: Path, run_folder: Path, folder: Path) -> None:
    """Copies to the current folder what a page takes for granted."""
    shutil.copytree(desk, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(run_folder.name))
    write_recipes(page)
    for name in RUNS.get(page, []):
        shutil.copytree(run_folder, folder / "runs" / name)
    if page == "docs/python.md":  # which loads a later checkpoint
        checkpoints = folder / "runs/mine/checkpoints"
        shutil.copytree(checkpoints / "step_00000003", checkpoints / "step_00020000")
    if page == "docs/pairs.md":  # which shows what a T5 encoder needs
        encoder = str(save_family(folder / "t5", "t5"))
        started = seq2seq.warm_start(plan="pair", encoder=encoder, decoder="google-bert/bert-base-uncased")
        checkpoint = folder / "runs/mine/checkpoints/step_00020000"
        write_checkpoint(checkpoint, started.model, started.tokenizers, build_description(started))


@pytest.fixture
def shell(monkeypatch, capsys):
    """Runs a command: this project's in this process, assignments, and others in a shell."""
    monkeypatch.delenv("SEQ2SEQ_DATA", raising=False)
    environment = {}

    def run(command: str) -> None:
        for name, value in environment.items():
            command = command.replace(f"${name}", value)
        words = shlex.split(command)
        assigned = [word for word in words if word != "export"]
        if words[0] == "seq2seq":
            run_seq2seq(command, words)
        elif words[:2] == ["python", "-m"]:
            monkeypatch.setattr(sys, "argv", words[2:])
            runpy.run_module(words[2], run_name="__main__")
        elif len(assigned) == 1 and "=" in assigned[0]:
            name, _, value = assigned[0].partition("=")
            environment[name] = value
        else:
            subprocess.run(["bash", "-euc", command], check=True)

    def run_seq2seq(command: str, words: list[str]) -> None:
        monkeypatch.setattr(sys, "argv", words)
        with pytest.raises(SystemExit) as ended:
            main()
        error = capsys.readouterr().err
        assert not ended.value.code, f"{command}\n{error[-3000:]}"

    return run


@pytest.mark.parametrize("page", [name for name in NAMES if COMMANDS[name] or "```python" in PAGES[name]])
def test_page_runs_from_top_to_bottom(page, desk, run_folder, tmp_path, monkeypatch, shell):
    monkeypatch.chdir(tmp_path)
    lay_out(page, desk, run_folder, tmp_path)
    names = {"texts": ["a cat sat on the mat", "the dog ran"], "targets": ["a cat", "a dog"]}
    for block in list_blocks(PAGES[page]):
        if block.language == "python" and block.text not in EXAMPLES:
            exec(compile(cut_down_text(block.text, page), page, "exec"), names)
        for command in list_commands(block):
            shutil.rmtree("runs/extended", ignore_errors=True)  # a command that an example shows is of no order
            run_unless_parsed_only(command, page, shell)
    for command in list_commands_in_text(PAGES[page]):
        run_unless_parsed_only(command, page, shell)


def run_unless_parsed_only(command: str, page: str, shell) -> None:
    if command not in PARSED_ONLY:
        shell(cut_down_text(command, page))


def cut_down_text(text: str, page: str) -> str:
    for written, value in (SIZES | LETTERS if page == "docs/results.md" else SIZES).items():
        text = text.replace(written, value)
    return text


@pytest.mark.parametrize("command", PARSED_ONLY)
def test_command_that_cannot_run_here_is_what_its_parser_takes(command, pytestconfig, monkeypatch):
    monkeypatch.chdir(ROOT)
    match [word for word in shlex.split(command) if not re.match(r"[A-Z_]+=", word)]:
        case ["source", ".venv/bin/activate"] | ["launch/quickstart.sh"]:
            subprocess.run(["bash", "-nc", command], check=True)
        case ["seq2seq", *_]:
            parse(command)
        case ["launch/test.sh", *arguments]:
            pytestconfig._parser.parse(arguments)
        case ["sbatch", *arguments]:
            check_job(arguments)
        case ["torchrun", *arguments]:
            started = torch.distributed.run.get_args_parser().parse_args(arguments)
            check_started(started)
        case ["accelerate", "launch", *arguments]:
            whole = arguments if "-m" in arguments else [*arguments, *"-m seq2seq train RECIPE.yaml".split()]
            started = accelerate.commands.launch.launch_command_parser().parse_args(whole)
            assert started.config_file is None or Path(started.config_file).exists()
            check_started(started)
        case ["pip", name, *arguments]:
            subprocess.run([sys.executable, "-c", PIP_PARSER, name, *arguments], check=True)
        case ["tensorboard", *arguments]:
            pytest.importorskip("tensorboard.program").TensorBoard().configure(["tensorboard", *arguments])
        case ["mkdocs" | ".venv/bin/mkdocs", name, *arguments]:
            pytest.importorskip("mkdocs.__main__").cli.commands[name].make_context(name, arguments)
        case ["python", script, *arguments]:
            check_benchmark(script, arguments, monkeypatch)
        case ["tests/benchmarks/gpu.sh" as script, *arguments]:
            assert os.access(script, os.X_OK)
            check_benchmark("tests/benchmarks/gpu.py", ["report", *arguments], monkeypatch)
        case [script, *arguments]:
            check_script(script, arguments)


def check_script(script: str, arguments: list[str]) -> None:
    """What a script of launch/ is given goes to `seq2seq train`."""
    assert os.access(script, os.X_OK)
    parse(shlex.join(["seq2seq", "train", *arguments]))


def check_job(arguments: list[str]) -> None:
    """Of sbatch's own options those are known here that a script sets."""
    options = [argument for argument in arguments if argument.startswith("--")]
    known = re.findall(r"^#SBATCH (--[a-z-]+)=", Path("launch/slurm/one_node.sh").read_text(), re.MULTILINE)
    assert {option.partition("=")[0] for option in options} <= set(known)
    if rest := arguments[len(options) :]:
        check_script(rest[0], rest[1:])


def check_started(started: Namespace) -> None:
    """What torchrun or Accelerate starts is this project, as a module."""
    assert (started.module, started.training_script) == (True, "seq2seq")
    parse(shlex.join(["seq2seq", *started.training_script_args]))


def check_benchmark(script: str, arguments: list[str], monkeypatch) -> None:
    """A benchmark's own parser takes the arguments, and nothing is measured."""
    taken = []
    real = ArgumentParser.parse_args

    def stop(parser):
        taken.append(real(parser))
        sys.exit()

    monkeypatch.setattr(ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    monkeypatch.syspath_prepend(Path(script).parent)
    with pytest.raises(SystemExit):
        runpy.run_path(script, run_name="__main__")
    assert len(taken) == 1


def test_list_of_commands_that_cannot_run_holds_none_that_is_gone():
    assert PARSED_ONLY.keys() - {command for commands in COMMANDS.values() for command in commands} == set()
