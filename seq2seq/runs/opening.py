"""The run folder as a run begins: made anew, or taken back to the checkpoint that the run goes on from."""

from dataclasses import dataclass

from accelerate import Accelerator

from ..base.console import NARROW_WIDTH, build_fitting_table, build_table, errors, messages
from ..base.files import write_json
from ..checkpoints.folder import remove_leftovers, set_aside
from ..data.references import find_other_references
from ..generation.prefix import format_changed_prefix
from ..processes.group import summarize_machine
from ..recipe.recipe import Recipe
from ..reports.run_tables import list_truncated, tabulate_data, tabulate_origin
from ..run_folder.folder import RunFolder
from ..run_folder.steps import CHECKPOINTS_FOLDER, list_saved
from .data import RunData
from .inputs import summarize_inputs, summarize_split
from .length import record_length
from .saving import finish_saving
from .start import Start


@dataclass(frozen=True)
class Opening:
    """What a run folder tells of a run's beginning; the main process alone opens one."""

    recipe: Recipe
    start: Start
    data: RunData
    folder: RunFolder
    accelerator: Accelerator

    def create_folder(self) -> None:
        """Makes the folder, in place of one whose run came to no checkpoint."""
        if self.folder.exists():
            messages().print(f"The run in {self.folder.path} has no checkpoint yet: beginning again.")
            self.folder.clear()
        self.folder.create(self.recipe.to_yaml(), summarize_machine(self.accelerator))
        write_json(self.folder.origin, self.start.origin.to_dict())
        self._write_inputs()
        self._show()

    def reopen_folder(self) -> None:
        """Takes the folder back to the checkpoint: later events and scores go, later checkpoints, damaged, go aside."""
        state = self.start.state
        run = self.folder.path
        if not self.folder.progress.exists():
            errors().print(f"{self.folder.progress} is missing: the figures up to step {state.step} are lost.")
        self.folder.crop_progress(state.step)  # first, because it refuses a damaged file
        record_length(self.folder, self.recipe, state.step)
        if not self.folder.inputs.exists():
            self._write_inputs()
        self.folder.remove_results()
        for step, saved in list_saved(run):
            if step > state.step:
                messages().print(f"Set aside: {set_aside(saved)}")
        remove_leftovers(run / CHECKPOINTS_FOLDER)
        finish_saving(self.folder, self.recipe.training, state)
        self._show()
        messages().print(f"Going on from step {state.step}.")

    def _write_inputs(self) -> None:
        inputs = summarize_inputs(self.recipe.model, self.start.model, self.start.tokenizers, self.data.splits)
        write_json(self.folder.inputs, inputs)

    def _show(self) -> None:
        """Prints the origin of the parameters and the size and truncation of the data."""
        console = messages()
        origin = self.start.origin
        console.print(build_table(f"Parameters of plan {origin.plan}", *tabulate_origin(origin.to_dict())))
        for note in origin.notes:
            errors().print(note)
        changed = format_changed_prefix(self.start.tokenizers.target, self.recipe.generation.target_prefix)
        if changed is not None:
            errors().print(changed)
        for name, data in self.data.splits.items():
            others = find_other_references(data.examples, self.recipe.data.columns)
            if others is not None:
                errors().print(f"data.{name}: {others}")
        splits = {name: summarize_split(data) for name, data in self.data.splits.items()}
        console.print(build_fitting_table("Data", *tabulate_data(splits), width=NARROW_WIDTH))
        for line in list_truncated(splits):
            errors().print(line)
        for data in self.data.splits.values():
            data.left_out.tell()
