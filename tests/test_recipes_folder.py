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


def read_header_as_one_line(path: Path) -> str:
    return " ".join(line.removeprefix("#").strip() for line in read_header(path))


def test_every_recipe_loads_and_has_a_test_set():
    assert [path for path in RECIPES if not load(ROOT / path).data.test] == [Path("recipes/reference.yaml")]


def find_command(path: Path) -> Path | None:
    """The recipe that the command in a recipe's header runs."""
    run = re.search(r"^#   seq2seq train (\S+)$|^# *seq2seq train (\S+) ", "\n".join(read_header(path)), re.MULTILINE)
    return Path(run[1] or run[2]) if run else None


def test_every_recipe_opens_with_the_command_that_runs_it():
    named = {path: find_command(path) for path in RECIPES if path not in BASES}
    # Which is to be copied first.
    expected = {path: Path("my_recipes") / path.name if path.stem == "your_own_data" else path for path in named}
    assert named == expected


def test_every_base_opens_with_the_command_that_runs_one_of_its_plans():
    named = {path: find_command(path) for path in BASES}
    assert [path for path in BASES if named[path] not in PLANS or named[path].parent != path.parent] == []


def test_recipes_with_figures_of_ours_name_the_precision_that_these_were_measured_in():
    commands = re.findall(r"seq2seq train (recipes/\S+)", (ROOT / "docs/results.md").read_text())
    measured = sorted({load(ROOT / path).training.precision for path in commands})
    assert (len(set(commands)) > 5, measured) == (True, ["fp32"])


def test_recipes_that_extend_change_only_what_makes_them_others():
    def list_changes(path: Path) -> set[str]:
        """The parts of a recipe that it should share with its base."""
        values = yaml.safe_load((ROOT / path).read_text())
        changed = set(values) - {"extends", "output", "model"} - ({"seed"} if path.stem == "pruned" else set())
        other_length = path.stem.endswith("_24") or path.stem in ("tiny", "pruned")
        # Another start, another rate.
        rates_alone = set(values.get("training", {})) <= {"learning_rate", "learning_rates"}
        return changed - ({"training"} if other_length or rates_alone else set())

    assert {path: changed for path in PLANS if (changed := list_changes(path))} == {}
    assert [path for path in PLANS if yaml.safe_load((ROOT / path).read_text())["extends"] != "base.yaml"] == []


def test_every_base_says_where_the_data_is_had_and_under_which_terms():
    headers = {path: read_header_as_one_line(path) for path in BASES}
    where = r"Data: .*\((.* et al\. 20\d\d, |)[a-z0-9]+\.(com|org)/?[\w/-]*"
    assert [path for path, header in headers.items() if not re.search(where, header)] == []
    terms = r"CC BY|MIT|Apache-2\.0|see its terms|research"
    assert [path for path, header in headers.items() if not re.search(terms, header)] == []


def test_every_base_of_files_names_their_folder():
    def list_unnamed(path: Path) -> list[str]:
        names = load(ROOT / path).data.train
        if not all(name.startswith("data/") for name in names):
            return []
        header = read_header_as_one_line(path)
        return [name for name in names if Path(name).parent.as_posix() not in header]

    assert {path: unnamed for path in BASES if (unnamed := list_unnamed(path))} == {}


# Data sets of the hub that are loading scripts, which the library `datasets` refuses since its version 4.
SCRIPTS = ("google-research-datasets/wiki_split", "Harvard/gigaword", "EdinburghNLP/xsum")


def test_no_data_is_a_script_of_the_hub():
    def list_scripts(path: Path) -> set[str]:
        data = load(ROOT / path).data
        names = (*data.train, *data.validation, *data.test)
        return {name.split(":")[1] for name in names if name.startswith("hub:")} & set(SCRIPTS)

    assert {path: scripts for path in BASES if (scripts := list_scripts(path))} == {}


def test_hardware_is_told_for_the_length_of_the_recipe():
    told, own = {}, {}
    for path in RECIPES:
        match = re.search(r"# Hardware: .* ([\d,]+) (steps|passes)", "\n".join(read_header(path)))
        if path.stem in ("base", "tiny") and match:
            training = load(ROOT / path).training
            told[path] = int(match[1].replace(",", ""))
            own[path] = training.max_steps if match[2] == "steps" else training.max_epochs
    assert told
    assert told == own


def test_header_of_every_recipe_or_its_base_says_which_hardware_to_expect():
    def tells_hardware(path: Path) -> bool:
        header = [*read_header(path), *read_header(path.parent / "base.yaml")]
        return any(line.startswith("# Hardware: ") for line in header)

    assert [path for path in PLANS if not tells_hardware(path)] == []


def test_every_recipe_has_a_run_folder_of_its_own():
    folders = [load(ROOT / path).output for path in PLANS]
    assert len(set(folders)) == len(folders)


def test_paper_has_eleven_plans_for_five_data_sets_and_nine_for_two_directions():
    assert len(PAPER) == 5 * 11 + 2 * 9


def test_every_rate_is_the_papers_factor_of_its_schedule():
    training = {path: load(ROOT / path).training for path in PAPER}
    # 0.05 * 768^-0.5 * 40000^-0.5 = 0.05 * 0.036084 * 0.005 = 9.0e-6; for 1024: 0.05 * 0.03125 * 0.005 = 7.8e-6.
    widths = {path: 1024 if path.stem.endswith("_24") else 768 for path in PAPER}
    expected = {path: 0.05 * width**-0.5 * 40000**-0.5 for path, width in widths.items()}
    assert {path: options.learning_rate for path, options in training.items()} == pytest.approx(expected, rel=0.005)
    schedules = {path: (options.warmup_steps, options.schedule) for path, options in training.items()}
    assert schedules == dict.fromkeys(PAPER, (40000, "inverse_square_root"))


def read_page() -> dict[str, str]:
    """Rows of the page's tables, by the file that they link to first."""
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| [")]
    return {re.search(r"\]\((\S+?)\)", row)[1]: row for row in rows}


def test_page_names_every_recipe_and_no_other():
    page = (FOLDER / "README.md").read_text()
    linked = re.findall(r"\]\((\S+\.yaml)\)", page)
    assert sorted(linked) == [path.relative_to("recipes").as_posix() for path in RECIPES]


def test_page_names_plan_checkpoints_and_the_papers_figures():
    page = read_page()

    def list_missing(path: Path) -> list[str]:
        """What the page's row of a recipe should say and does not."""
        model = load(ROOT / path).model
        names = [model.plan, model.checkpoint, model.encoder, model.decoder, model.source_tokenizer]
        needed = [f"`{name}`" for name in (*names, model.target_tokenizer) if name]
        if path in PAPER:
            (figures,) = (line for line in read_header(path) if line.startswith(FIGURES))
            needed.append(f"| {figures.removeprefix(FIGURES).removesuffix('.')} |")
        row = page[path.relative_to("recipes").as_posix()]
        return [text for text in needed if text not in row]

    assert {path: missing for path in PLANS if (missing := list_missing(path))} == {}
