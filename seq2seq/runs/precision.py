"""The precision that a run computes in: settled once, by all of its processes, told, and kept while it lasts."""

from collections.abc import Sequence

from ..base.console import errors, messages
from ..modeling.token_loss import TokenLossModel
from ..processes.group import Processes, gather_patiently
from ..recipe.recipe import Recipe
from ..training.precision import Verdict, judge_bf16, judge_device
from ..training.tf32 import find_idle_reason


def settle_precision(
    recipe: Recipe,
    model: TokenLossModel,
    processes: Processes,
    *,
    goes_on: bool = False,
) -> Recipe:
    """The recipe with the precision that it computes in, where it leaves that to the machine; every process calls this.

    That is bf16 where all processes are faster in it. Of a run that goes on it is told where it is slow here.

    Raises:
        TrainingError: as `judge_bf16`.
    """
    if recipe.training.precision != "auto":
        if goes_on and recipe.training.precision == "bf16":
            _warn_if_slow(processes)
        return recipe
    verdicts = gather_patiently(processes, judge_bf16(model, processes.device))
    verdict = _find_weakest(verdicts)
    precision = "bf16" if verdict.is_faster else "fp32"
    if processes.is_main_process:
        messages().print(
            f"training.precision is {precision}: {verdict.reason}. A recipe that names one has the same on any machine."
        )
    training = recipe.training.model_copy(update={"precision": precision})
    return recipe.model_copy(update={"training": training})


def tell_idle_tf32(recipe: Recipe, processes: Processes) -> None:
    """Says so where the recipe asks for TF32 and the main process computes where that changes nothing."""
    if not recipe.training.tf32 or not processes.is_main_process:
        return
    reason = find_idle_reason(processes.device)
    if reason is not None:
        errors().print(f"training.tf32 changes nothing here: {reason}.")


def _warn_if_slow(processes: Processes) -> None:
    verdict = _find_weakest(gather_patiently(processes, judge_device(processes.device)))
    if not verdict.is_faster and processes.is_main_process:
        errors().print(
            f"The run computes in bf16, as it did before, and that is slow here: {verdict.reason}. In fp32 it would be "
            "another run."
        )


def _find_weakest(verdicts: Sequence[Verdict]) -> Verdict:
    """The first against bf16, with its process where there are several; the first of all where none is."""
    for process, verdict in enumerate(verdicts):
        if not verdict.is_faster:
            found_by = "" if len(verdicts) == 1 else f"as process {process} finds, "
            return Verdict(False, found_by + verdict.reason)
    return verdicts[0]
