"""The recipes that come with the package: where they lie, by name, and copies of them.

In a clone, or an editable install of one, they are its folder recipes/; in an installed wheel, seq2seq/recipes/. A name
is a path in there without its ending: summarization/xsum/bertshare.
"""

import difflib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import yaml

from .errors import RecipeError
from .files import write_text
from .recipe import load_recipe

MARKER = "recipe.schema.json"  # a folder that happens to be called recipes, beside site-packages, has none
BASE = "base"
FIGURES = "# The paper: "  # how a header's line with the paper's figures begins


@dataclass(frozen=True)
class ShippedRecipe:
    """One recipe that comes with the package.

    title: the first line of its header. figures: what the paper reports for this very plan and data set, if anything.
    """

    name: str
    path: Path
    task: str
    plan: str
    title: str
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
    package = package or Path(str(resources.files("seq2seq")))
    for folder in (package / "recipes", package.parent / "recipes"):
        if (folder / MARKER).is_file():
            return folder
    raise RecipeError(
        f"The recipes that come with the package are neither in {package} nor beside it. Install the package again."
    )


def list_recipes() -> list[ShippedRecipe]:
    """All recipes that can be run, by name; the files that others extend are no recipes of their own."""
    folder = find_recipes_folder()
    paths = [path for path in sorted(folder.rglob("*.yaml")) if path.stem != BASE]
    return [_describe(path, path.relative_to(folder).with_suffix("").as_posix()) for path in paths]


def _describe(path: Path, name: str) -> ShippedRecipe:
    recipe = load_recipe(path)
    header = [line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("# ")]
    title = next(line.removeprefix("# ") for line in header if not line.startswith("# yaml-language-server"))
    figures = [line.removeprefix(FIGURES).removesuffix(".") for line in header if line.startswith(FIGURES)]
    return ShippedRecipe(name, path, recipe.task, recipe.model.plan, title, "".join(figures))


def find_recipe(name: str) -> list[Path]:
    """The file of a recipe, and behind it the file that it extends, if any.

    Raises:
        RecipeError: there is no such recipe; the nearest names are given.
    """
    folder = find_recipes_folder()
    known = [path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.yaml")]
    wanted = name.removeprefix("recipes/").removesuffix(".yaml")
    if wanted not in known:
        close = difflib.get_close_matches(wanted, known, 3, 0.5)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        raise RecipeError(f"{name}: there is no such recipe.{hint} `seq2seq recipes` lists them.")
    path = folder / f"{wanted}.yaml"
    base = yaml.safe_load(path.read_text(encoding="utf-8")).get("extends")
    return [path, *([path.parent / base] if base else [])]


def copy_recipe(name: str, folder: Path | None = None) -> list[Path]:
    """Copies a recipe, with the files that it names beside it, and returns the copies, the recipe's first.

    Args:
        folder: where to; left out, the folder that the recipe's own header names, from the working directory.

    Raises:
        RecipeError: there is no such recipe, or a file of that name is there already and says something else; then
            nothing is copied.
    """
    sources = find_recipe(name)
    inside = sources[0].parent.relative_to(find_recipes_folder())
    target = folder if folder is not None else Path("recipes") / inside
    if "$schema=" in sources[0].read_text(encoding="utf-8"):
        sources.append(find_recipes_folder() / MARKER)
    copies = [target / source.name for source in sources]
    texts = [source.read_text(encoding="utf-8") for source in sources]
    for copy, text in zip(copies, texts, strict=True):
        if copy.exists() and not (copy.is_file() and copy.read_bytes() == text.encode()):
            raise RecipeError(f"{copy} is there already and is not what would be copied. Choose another folder.")
    try:
        target.mkdir(parents=True, exist_ok=True)
        for copy, text in zip(copies, texts, strict=True):
            write_text(copy, text)
    except OSError as error:
        raise RecipeError(f"{target}: the recipe cannot be copied there ({error}).") from None
    return copies
