"""The recipes that come with the package: where they lie, by name, and copies of them.

In a clone, or an editable install of one, they are its folder recipes/; in an installed wheel, seq2seq/recipes/. A name
is a path in there without its ending: summarization/xsum/bertshare.
"""

import difflib
import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from ..base.errors import RecipeError
from ..base.files import write_text
from ..base.mappings import merge
from ..base.output_paths import make_folder

MARKER = "recipe.schema.json"  # a folder that happens to be called recipes, beside site-packages, has none
BASE = "base"  # the stem of files that others extend
FOR_EDITORS = "# yaml-language-server"
FIGURES = "# The paper: "  # how a header's line with the paper's figures begins


@dataclass(frozen=True)
class ShippedRecipe:
    """One recipe that comes with the package.

    title: the first sentence of its header. about: that of the file that it extends, which tells of task and data.
    figures: what the paper reports for this very plan and data set, if anything.
    """

    name: str
    path: Path
    plan: str
    title: str
    about: str
    figures: str

    @property
    def group(self) -> str:
        """Task and data set: 'summarization/xsum'; empty for a recipe that belongs to none."""
        return self.name.rpartition("/")[0]


def find_recipes_folder(package: Path | None = None) -> Path:
    """The folder of the recipes that came with the package, which lies in the folder `package`.

    Raises:
        RecipeError: there is none.
    """
    if package is None:
        package = Path(str(resources.files("seq2seq")))
    for folder in (package / "recipes", package.parent / "recipes"):
        if (folder / MARKER).is_file():
            return folder
    raise RecipeError(
        f"The recipes that come with the package are neither in {package} nor beside it. Install the package again."
    )


def list_recipes() -> list[ShippedRecipe]:
    """All recipes that can be run, data set by data set; files that others extend are no recipes of their own."""
    folder = find_recipes_folder()
    # By folder first: a sort of whole paths would put the files of one data set among the folders beside them.
    paths = sorted(folder.rglob("*.yaml"), key=lambda path: (path.parent, path))
    return [_summarize_recipe(path, folder) for path in paths if path.stem != BASE]


def _name_recipe(path: Path, folder: Path) -> str:
    return path.relative_to(folder).with_suffix("").as_posix()


def _summarize_recipe(path: Path, folder: Path) -> ShippedRecipe:
    values = _read_values(path)
    header = _read_header(path)
    about = ""
    if "extends" in values:
        base = path.parent / values["extends"]
        values = merge(_read_values(base), values)
        about = _find_title(_read_header(base))
    figures = ""
    for line in header:
        if line.startswith(FIGURES):
            figures += line.removeprefix(FIGURES).removesuffix(".")
    return ShippedRecipe(
        name=_name_recipe(path, folder),
        path=path,
        plan=values["model"]["plan"],
        title=_find_title(header),
        about=about,
        figures=figures,
    )


def _read_header(path: Path) -> list[str]:
    header = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("# ") and not line.startswith(FOR_EDITORS):
            header.append(line)
    return header


def _find_title(header: list[str]) -> str:
    """Its first sentence, as far as the first line has it."""
    first_line = header[0].removeprefix("# ")
    return re.split(r"[.:]( |$)", first_line)[0]


@cache
def _read_values(path: Path) -> dict[str, Any]:
    """What a recipe's file says, unchecked: all of them are read for a list."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # seven times as fast, where PyYAML was built with it
    return yaml.load(path.read_bytes(), loader)


def find_shipped_name(path: Path) -> str | None:
    """The name of the recipe that comes with the package and that a path or a bare name is like; None for no other.

    Path('recipes/quickstrat.yml') -> 'quickstart'
    """
    name = path.with_suffix("").as_posix().removeprefix("recipes/")
    try:
        folder = find_recipes_folder()
    except RecipeError:
        return None
    known = [_name_recipe(shipped, folder) for shipped in folder.rglob("*.yaml")]
    return next(iter(difflib.get_close_matches(name, known, 1, 0.8)), None)


def list_recipe_files(name: str) -> list[Path]:
    """The file of a recipe, and behind it the file that it extends, if any.

    Raises:
        RecipeError: there is no such recipe; the nearest names are given.
    """
    folder = find_recipes_folder()
    known = [_name_recipe(path, folder) for path in folder.rglob("*.yaml")]
    wanted = name.removeprefix("recipes/").removesuffix(".yaml")
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, 3, 0.5)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise RecipeError(f"{name}: there is no such recipe.{hint} `seq2seq recipes` lists them.")
    path = folder / f"{wanted}.yaml"
    base = _read_values(path).get("extends")
    return [path, path.parent / base] if base else [path]


def copy_recipe(name: str, folder: Path | None = None, *, overwrite: bool = False) -> list[Path]:
    """Copies a recipe, with the files that it names beside it, and returns the copies, the recipe's first.

    Args:
        folder: where to; left out, the folder that the recipe's own header names, from the working directory.

    Raises:
        RecipeError: there is no such recipe, or the recipe itself or a file of that name that says something else is
            there already, without `overwrite`; then nothing is copied.
        DataError: the folder must not be made.
    """
    recipes = find_recipes_folder()
    files = list_recipe_files(name)
    recipe = files[0]
    if "$schema=" in recipe.read_text(encoding="utf-8"):
        files.append(recipes / MARKER)
    if folder is None:
        folder = Path("recipes") / recipe.parent.relative_to(recipes)
    texts = {folder / file.name: file.read_text(encoding="utf-8") for file in files}
    copied_recipe = folder / recipe.name
    if copied_recipe.exists() and copied_recipe.samefile(recipe):
        raise RecipeError(f"{copied_recipe} is the recipe itself. Name another folder for the copy.")
    for copy, text in texts.items():
        if copy.exists() and not _holds(copy, text) and not overwrite:
            raise RecipeError(
                f"{copy} is there already and is not what would be copied. Choose another folder, or replace it with "
                "--overwrite."
            )
    make_folder(folder)
    try:
        for copy, text in texts.items():
            write_text(copy, text)
    except OSError as error:
        raise RecipeError(f"{folder}: the recipe cannot be copied there ({error}).") from None
    return list(texts)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_bytes() == text.encode()
