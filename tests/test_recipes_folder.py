"""The recipes that ship: each loads, says in its header what a user needs to know, and stands in the folder's page."""

import itertools
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from seq2seq.recipe.recipe import load_recipe
from seq2seq.recipe.shipped import FIGURES

load = cache(load_recipe)
ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "recipes"
RECIPES = sorted(path.relative_to(ROOT) for path in FOLDER.rglob("*.yaml"))
BASES = [path for path in RECIPES if path.stem == "base"]
PLANS = [path for path in RECIPES if (ROOT / path.parent / "base.yaml").exists() and path.stem != "base"]
PAPER = [path for path in PLANS if FIGURES in (ROOT / path).read_text()]


def read_header(path: Path) -> list[str]:
    return list(itertools.takewhile(lambda line: line.startswith("#"), (ROOT / path).read_text().splitlines()))


@pytest.mark.parametrize("path", RECIPES, ids=str)
def test_recipe_loads_and_opens_with_the_command_that_runs_it(path):
    recipe = load(ROOT / path)
    assert recipe.data.test or path.stem == "reference"
    run = re.search(r"^#   seq2seq train (\S+)$|^# *seq2seq train (\S+) ", "\n".join(read_header(path)), re.MULTILINE)
    named = Path(run[1] or run[2])
    if path.stem == "base":
        assert named in PLANS and named.parent == path.parent
    elif path.stem == "your_own_data":  # which is to be copied first
        assert named == Path("my_recipes") / path.name
    else:
        assert named == path


@pytest.mark.parametrize("path", PLANS, ids=str)
def test_recipe_that_extends_changes_only_what_makes_it_another(path):
    values = yaml.safe_load((ROOT / path).read_text())
    other_length = path.stem.endswith("_24") or path.stem in ("tiny", "pruned")
    rates_alone = set(values.get("training", {})) <= {"learning_rate", "learning_rates"}  # another start, another rate
    changed = set(values) - {"extends", "output", "model"} - ({"seed"} if path.stem == "pruned" else set())
    assert changed <= ({"training"} if other_length or rates_alone else set())
    assert values["extends"] == "base.yaml"


@pytest.mark.parametrize("path", BASES, ids=str)
def test_base_says_where_the_data_is_had(path):
    header = " ".join(line.removeprefix("#").strip() for line in read_header(path))
    assert re.search(r"Data: .*\((.* et al\. 20\d\d, |)[a-z0-9]+\.(com|org)/?[\w/-]*", header)
    assert re.search(r"CC BY|MIT|Apache-2\.0|see its terms|research", header)
    names = load(ROOT / path).data.train
    if all(name.startswith("data/") for name in names):
        assert all(Path(name).parent.as_posix() in header for name in names)


# Data sets of the hub that are loading scripts, which the library `datasets` refuses since its version 4.
SCRIPTS = ("google-research-datasets/wiki_split", "Harvard/gigaword", "EdinburghNLP/xsum")


@pytest.mark.parametrize("path", BASES, ids=str)
def test_data_is_no_script_of_the_hub(path):
    data = load(ROOT / path).data
    names = [name.split(":")[1] for name in (*data.train, *data.validation, *data.test) if name.startswith("hub:")]
    assert not set(names) & set(SCRIPTS)


@pytest.mark.parametrize("path", [path for path in RECIPES if path.stem in ("base", "tiny")], ids=str)
def test_hardware_is_told_for_the_length_of_the_recipe(path):
    training = load(ROOT / path).training
    told = re.search(r"# Hardware: .* ([\d,]+) (steps|passes)", "\n".join(read_header(path)))
    if told is not None:
        assert int(told[1].replace(",", "")) == (training.max_steps if told[2] == "steps" else training.max_epochs)


@pytest.mark.parametrize("path", PLANS, ids=str)
def test_header_of_a_recipe_or_its_base_says_which_hardware_to_expect(path):
    header = [*read_header(path), *read_header(path.parent / "base.yaml")]
    assert any(line.startswith("# Hardware: ") for line in header)


def test_every_recipe_has_a_run_folder_of_its_own():
    folders = [load(ROOT / path).output for path in PLANS]
    assert len(set(folders)) == len(folders)


def test_paper_has_eleven_plans_for_five_data_sets_and_nine_for_two_directions():
    assert len(PAPER) == 5 * 11 + 2 * 9


@pytest.mark.parametrize("path", PAPER, ids=str)
def test_rate_is_the_papers_factor_of_its_schedule(path):
    recipe = load(ROOT / path)
    width = 1024 if path.stem.endswith("_24") else 768
    # 0.05 * 768^-0.5 * 40000^-0.5 = 0.05 * 0.036084 * 0.005 = 9.0e-6; for 1024: 0.05 * 0.03125 * 0.005 = 7.8e-6.
    assert recipe.training.learning_rate == pytest.approx(0.05 * width**-0.5 * 40000**-0.5, rel=0.005)
    assert (recipe.training.warmup_steps, recipe.training.schedule) == (40000, "inverse_square_root")


def read_page() -> dict[str, str]:
    """Rows of the page's tables, by the file that they link to first."""
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| [")]
    return {re.search(r"\]\((\S+?)\)", row)[1]: row for row in rows}


def test_page_names_every_recipe_and_no_other():
    page = (FOLDER / "README.md").read_text()
    linked = re.findall(r"\]\((\S+\.yaml)\)", page)
    assert sorted(linked) == [path.relative_to("recipes").as_posix() for path in RECIPES]


@pytest.mark.parametrize("path", PLANS, ids=str)
def test_page_names_plan_checkpoints_and_the_papers_figures(path):
    row, model = read_page()[path.relative_to("recipes").as_posix()], load(ROOT / path).model
    needed = [model.checkpoint, model.encoder, model.decoder, model.source_tokenizer, model.target_tokenizer]
    assert all(f"`{name}`" in row for name in (model.plan, *needed) if name)
    if path in PAPER:
        (figures,) = (line for line in read_header(path) if line.startswith(FIGURES))
        assert f"| {figures.removeprefix(FIGURES).removesuffix('.')} |" in row
