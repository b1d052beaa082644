"""Packs the folder recipes/ into the wheel, as seq2seq/recipes/; everything else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """An editable install finds the recipes beside the package and gets no copy."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            packed = Path(self.build_lib, "seq2seq", "recipes")
            shutil.rmtree(packed, ignore_errors=True)  # of an earlier build
            shutil.copytree("recipes", packed)


setup(cmdclass={"build_py": BuildWithRecipes})
