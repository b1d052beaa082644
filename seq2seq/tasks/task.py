"""Where `Task` was; scripts of users still name it so. It is `seq2seq.Task` now."""

from ..recipe.task import Task

__all__ = ["Task"]
