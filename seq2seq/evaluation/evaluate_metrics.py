"""Where the classes for the library `evaluate` were; scripts of users still name them so."""

from ..metrics.evaluate_metrics import *  # noqa: F403 - whatever metrics there are
