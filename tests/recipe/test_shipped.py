"""The recipes that come with the package: found in a clone and in a wheel, listed, copied."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seq2seq.base.errors import DataError, RecipeError
from seq2seq.recipe.recipe import load_recipe
from seq2seq.recipe.shipped import (
    MARKER,
    ShippedRecipe,
    copy_recipe,
    find_recipes_folder,
    list_recipe_files,
    list_recipes,
)

ROOT = Path(__file__).parents[2]
NAME = "summarization/xsum/bertshare"


@pytest.fixture(scope="module")
def shipped() -> dict[str, ShippedRecipe]:
    return {recipe.name: recipe for recipe in list_recipes()}


@pytest.fixture
def package(tmp_path) -> Path:
    """The folder of a package without recipes."""
    folder = tmp_path / "site-packages/seq2seq"
    folder.mkdir(parents=True)
    return folder


def put_marker(folder: Path) -> Path:
    folder.mkdir()
    (folder / MARKER).touch()
    return folder


def test_recipes_of_a_clone_lie_beside_the_package():
    assert find_recipes_folder() == ROOT / "recipes"


def test_recipes_of_a_wheel_lie_in_the_package(package):
    put_marker(package.parent / "recipes")
    inside = put_marker(package / "recipes")
    assert find_recipes_folder(package) == inside


def test_another_folder_called_recipes_is_not_taken(package):
    (package.parent / "recipes").mkdir()
    with pytest.raises(RecipeError, match=r"neither in .*seq2seq nor beside it\. Install the package again"):
        find_recipes_folder(package)


def test_list_holds_every_recipe_but_the_bases(shipped):
    files = {path.relative_to(ROOT / "recipes").with_suffix("").as_posix() for path in ROOT.glob("recipes/**/*.yaml")}
    assert set(shipped) == {name for name in files if not name.endswith("/base")}


def test_list_says_what_a_recipe_is(shipped):
    recipe = shipped[NAME]
    assert (recipe.group, recipe.plan, recipe.title) == ("summarization/xsum", "bertshare", "BERTShare")
    assert recipe.about == "Summarization on BBC XSum, cased"
    assert recipe.figures == "ROUGE-1 38.52, ROUGE-2 16.12, ROUGE-L 31.13"


def test_plan_of_the_base_holds_where_the_file_is_silent(shipped):
    # bert2bert.yaml of this data set changes nothing but the run folder.
    assert shipped["sentence_fusion/wikisplit_reversed/bert2bert"].plan == "bert2bert"


def test_title_is_not_the_line_for_editors(shipped):
    assert shipped["your_own_data"].title == "A recipe for texts of your own"


@pytest.mark.parametrize("name", [NAME, f"{NAME}.yaml", f"recipes/{NAME}.yaml"])
def test_recipe_is_found_by_its_name_or_path_with_its_base_behind_it(name):
    folder = ROOT / "recipes/summarization/xsum"
    assert list_recipe_files(name) == [folder / "bertshare.yaml", folder / "base.yaml"]


def test_recipe_that_extends_nothing_comes_alone():
    assert list_recipe_files("quickstart") == [ROOT / "recipes/quickstart.yaml"]


def test_unknown_recipe_is_refused_with_the_nearest_names():
    with pytest.raises(RecipeError, match=r"xsum/bertshar: there is no such recipe\. Did you mean summarization/xsum/"):
        list_recipe_files("xsum/bertshar")


def test_copy_loads_to_the_same_recipe(tmp_path):
    copies = copy_recipe(NAME, tmp_path / "mine")
    assert [path.relative_to(tmp_path).as_posix() for path in copies] == ["mine/bertshare.yaml", "mine/base.yaml"]
    assert load_recipe(copies[0]) == load_recipe(list_recipe_files(NAME)[0])


def test_copy_goes_where_its_header_says(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert copy_recipe(NAME)[0] == Path("recipes/summarization/xsum/bertshare.yaml")
    assert "seq2seq train recipes/summarization/xsum/bertshare.yaml" in (tmp_path / copy_recipe(NAME)[0]).read_text()


def test_schema_comes_with_the_recipe_that_names_it(tmp_path):
    copy_recipe("your_own_data", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["recipe.schema.json", "your_own_data.yaml"]


def test_second_plan_of_a_data_set_goes_beside_the_first(tmp_path):
    copy_recipe(NAME, tmp_path)
    copy_recipe("summarization/xsum/bert2bert", tmp_path)
    assert len(list(tmp_path.iterdir())) == 3


def test_copy_onto_the_recipe_itself_is_refused(monkeypatch):
    monkeypatch.chdir(find_recipes_folder().parent)
    with pytest.raises(RecipeError, match=r"quickstart\.yaml is the recipe itself\. Name another folder for the copy"):
        copy_recipe("quickstart")


def test_copy_overwrites_nothing_and_then_copies_nothing(tmp_path):
    (tmp_path / "base.yaml").write_text("task: mine\n")
    with pytest.raises(RecipeError, match=r"base\.yaml is there already and is not what would be copied"):
        copy_recipe(NAME, tmp_path)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["task: mine\n"]


def test_copy_over_another_recipe_is_made_where_that_is_asked_for(tmp_path):
    (tmp_path / "base.yaml").write_text("task: mine\n")
    copy_recipe(NAME, tmp_path, overwrite=True)
    assert (tmp_path / "base.yaml").read_text() != "task: mine\n"


def test_copy_that_the_system_refuses_is_one_message(tmp_path, monkeypatch):
    def refuse(path, text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("seq2seq.recipe.shipped.write_text", refuse)
    with pytest.raises(RecipeError, match=r"the recipe cannot be copied there \(.*No space left"):
        copy_recipe(NAME, tmp_path)


def test_copy_to_a_place_that_is_no_folder_is_refused(tmp_path):
    (tmp_path / "mine").touch()
    with pytest.raises(DataError, match=r"mine: the folder cannot be made \(File exists\)"):
        copy_recipe(NAME, tmp_path / "mine")


@pytest.mark.slow
def test_wheel_brings_every_recipe_and_says_that_it_is_typed(shipped, tmp_path):
    source, unpacked = tmp_path / "source", tmp_path / "unpacked"
    source.mkdir()
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for name in ("seq2seq", "recipes"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", tmp_path, source]
    subprocess.run([sys.executable, *build], check=True)
    (wheel,) = tmp_path.glob("*.whl")
    shutil.unpack_archive(wheel, unpacked, "zip")
    assert (unpacked / "seq2seq/py.typed").is_file()
    code = (
        "from seq2seq.recipe.shipped import find_recipes_folder, list_recipes\n"
        "print(find_recipes_folder())\n"
        "print(*(recipe.name for recipe in list_recipes()))"
    )
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    folder, names = done.stdout.splitlines()
    assert Path(folder) == unpacked / "seq2seq/recipes"
    assert names.split() == list(shipped)
    schema = "recipe.schema.json"
    assert (Path(folder) / schema).read_bytes() == (ROOT / "recipes" / schema).read_bytes()
