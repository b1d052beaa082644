"""Prints the run folder of a recipe: python launch/slurm/find_run.py RECIPE.yaml [key.path=value ...]"""

import sys

from seq2seq.base.errors import RecipeError
from seq2seq.recipe.recipe import load_recipe

try:
    print(load_recipe(sys.argv[1], sys.argv[2:]).output)
except RecipeError as error:
    sys.exit(f"RecipeError: {error}")
