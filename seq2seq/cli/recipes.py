"""`seq2seq recipes`, `seq2seq recipes show`, `seq2seq recipes copy`."""

from itertools import groupby
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="List, show and copy the recipes that come with the package.", invoke_without_command=True)
Name = Annotated[str, typer.Argument(help="As `seq2seq recipes` lists it: summarization/xsum/bertshare.")]


@app.callback()
def run(context: typer.Context) -> None:
    """List the recipes that come with the package, with the paper's figures; `show` prints one, `copy` copies it."""
    if context.invoked_subcommand is not None:
        return
    from ..recipe.shipped import list_recipes

    recipes = list_recipes()
    name_width = max(len(recipe.name) for recipe in recipes)
    plan_width = max(len(recipe.plan) for recipe in recipes)
    for group, members in groupby(recipes, key=lambda recipe: (recipe.group, recipe.about)):
        typer.echo(f"\n{': '.join(group) if any(group) else 'of no data set'}")
        for recipe in members:
            meaning = f"the paper: {recipe.figures}" if recipe.figures else recipe.title
            typer.echo(f"  {recipe.name:{name_width}}  {recipe.plan:{plan_width}}  {meaning}")
    typer.echo(f"\n{len(recipes)} recipes.")


@app.command("show")
def show(name: Name) -> None:
    """Print a recipe, and the file that it extends."""
    from ..recipe.shipped import list_recipe_files

    for number, path in enumerate(list_recipe_files(name)):
        if number:
            typer.echo(f"\n# ---- {path.name}, which it extends ----\n")
        typer.echo(path.read_text(encoding="utf-8"), nl=False)


@app.command("copy")
def copy(
    name: Name,
    folder: Annotated[
        Path | None, typer.Argument(help="Where to; left out, recipes/TASK/DATA SET from the working directory.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files of the same names that say something else.")
    ] = False,
) -> None:
    """Copy a recipe, with the file that it extends, to change it."""
    from ..recipe.shipped import copy_recipe

    copies = copy_recipe(name, folder, overwrite=overwrite)
    for path in copies:
        typer.echo(f"Copied: {path}")
    typer.echo(f"To run it: seq2seq train {copies[0]}")
