"""A run killed again and again with SIGKILL against the same run left alone: are they the same, bit for bit?

    python tests/benchmarks/kill_and_resume.py --kills 20
    python tests/benchmarks/kill_and_resume.py --kills 6 --processes 2        torchrun; slower

Twenty kills come once at every moment that `killed_run.py` lists and twice at a random time from outside; of further
ones the seed draws the moments; fewer leave some out. After each kill the same command goes on with --resume. Compared
are the weights and the optimizer (SHA-256), which files there are, the events of progress.jsonl without their seconds,
best.json, predictions, scores. The last line is one JSON object; the exit status is 1 where anything differs. Without
--encoder and --data a tiny random BERT with dropout learns to write words backwards.

On one process each start is a fork of this one, which has all libraries loaded; the run left alone is a command of its
own: python -m seq2seq train. Steps lost: updates done at the kill that were done again.
"""

import argparse
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: threads do not outlive a fork

import yaml

from seq2seq.base.files import compute_sha256, load_json
from seq2seq.checkpoints.find import find_newest_whole
from seq2seq.run_folder.folder import RunFolder
from tests.benchmarks import killed_run
from tests.conftest import save_bert
from tests.training.runs import write_pairs

RANDOM_TIME = "a random time, from outside"
UNINTERRUPTED = "none"
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Kill:
    """One kill: the phase it came in, at which of its calls, and the steps done then and gone on from."""

    phase: str
    count: int
    done: int | None
    resumed_from: int

    @property
    def lost(self) -> int:
        return max(self.done - self.resumed_from, 0) if self.done is not None else 0


def write_recipe(folder: Path, options: argparse.Namespace) -> Path:
    """A recipe that saves, validates with texts and removes old checkpoints every few steps, and has a test set."""
    if options.data is None:
        splits = {name: write_pairs(folder / f"{name}.jsonl", count, start) for name, count, start in (
            ("train", 40, 0), ("validation", 6, 100), ("test", 6, 200)
        )}  # fmt: skip
    else:
        files = {name: sorted(Path(options.data).glob(f"{name}.jsonl*")) for name in ("train", "validation", "test")}
        splits = {name: str(paths[0]) for name, paths in files.items()}
    encoder = options.encoder or str(save_bert(folder / "bert"))
    values = {
        "task": "sentence_fusion",
        "output": str(folder / "killed"),
        "model": {"plan": "bert2bert", "encoder": encoder},
        "data": splits | {"max_source_tokens": 32, "max_target_tokens": 32},
        "training": {
            "batch_examples": 8, "micro_batch_tokens": 100, "max_steps": 3 * options.kills + 12, "learning_rate": 1e-3,
            "log_every_steps": 1, "validate_every_steps": 3, "checkpoint_every_steps": 4, "keep_checkpoints": 2,
            "validation_metrics": ["loss", "sari"], "validation_texts": 6, "precision": options.precision,
        },
        "generation": {"num_beams": 1, "max_target_tokens": 8},
    }  # fmt: skip
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


def plan_kills(kills: int, seed: int, *, times: int) -> list[tuple[str, int]]:
    """Phases with the number of the call at which to kill: start-up first, the middle shuffled, the end last.

    times: how many kills of the first ones come at a random time.
    """
    draw = random.Random(seed)
    start, middle, end = (list(moments) for moments in (killed_run.START, killed_run.MIDDLE, killed_run.END))
    middle += [RANDOM_TIME] * times
    fixed = len(start) + len(middle) + len(end)
    if kills < fixed:
        chosen = set(draw.sample(range(fixed), kills))
        phases = iter(range(fixed))
        start, middle, end = ([name for name in part if next(phases) in chosen] for part in (start, middle, end))
    middle += [draw.choice([*killed_run.MIDDLE, RANDOM_TIME]) for _ in range(kills - fixed)]
    draw.shuffle(middle)
    calls = {"step": 6, "progress.jsonl": 6, "validation": 2, "checkpoint": 2}
    return [(phase, draw.randint(1, calls.get(phase.partition(":")[0], 1))) for phase in (*start, *middle, *end)]


class Starts:
    """Starts the run over and over, each time with a log and a heartbeat of its own."""

    def __init__(self, folder: Path, recipe: Path, processes: int, seed: int) -> None:
        self.folder, self.recipe, self.processes = folder, recipe, processes
        self.draw = random.Random(seed)
        self.heartbeat, self.log = folder / "heartbeat", folder / "killed.log"

    def run(self, phase: str, count: int, *overrides: str) -> int:
        """Runs until the kill or the end; returns the exit status, negative for a signal."""
        self.heartbeat.unlink(missing_ok=True)
        arguments = ["train", str(self.recipe), *overrides, "--resume"]
        if self.processes == 1:
            return self._wait(self._fork(phase, count, arguments), phase)
        command = launch(self.processes, "tests.benchmarks.killed_run")
        with self.log.open("w") as log:
            started = subprocess.Popen(
                [*command, phase, str(count), str(self.heartbeat), *arguments],
                stdout=log, stderr=log, cwd=ROOT, start_new_session=True,
            )  # fmt: skip
        return self._wait(started.pid, phase)

    def read_steps_done(self) -> int | None:
        """The last step that the run logged in its last start, or None where it came to none."""
        text = self.heartbeat.read_text() if self.heartbeat.exists() else ""
        return int(text) if text else None

    def _fork(self, phase: str, count: int, arguments: list[str]) -> int:
        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        status = 1
        try:
            os.setsid()
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            killed_run.main(phase, count, self.heartbeat, arguments)
            status = 0
        except SystemExit as ended:
            status = ended.code or 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _wait(self, process: int, phase: str) -> int:
        if phase == RANDOM_TIME:
            self._kill_some_time(process)
        family = list_family(process)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        lost = self.processes > 1 and "SIGKILL" in self.log.read_text()  # torchrun names what its process died of
        for further in family[1:]:
            kill(further)
        return KILLED if lost else status

    def _kill_some_time(self, process: int) -> None:
        """Kills a run and all its processes after a drawn time, which starts over where nothing has been logged yet."""
        slowness = 1 if self.processes == 1 else 10
        moment = time.monotonic() + slowness * self.draw.uniform(0.1, 1.5)
        first = None
        while time.monotonic() < moment and not os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            done = self.read_steps_done()
            first = done if first is None else first
            if first is not None and done >= first + 8:  # so that all the kills fit into the run
                break
            time.sleep(0.001)
        for member in list_family(process):
            kill(member)


def launch(processes: int, module: str) -> list[str]:
    """The beginning of a command that runs a module, on several processes by torchrun."""
    if processes == 1:
        return [sys.executable, "-m", module]
    several = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", str(processes)]
    return [*several, "--rdzv-backend", "c10d", "--rdzv-endpoint", "localhost:0", "-m", module]


def list_family(process: int) -> list[int]:
    """A process and all it started, by /proc."""
    family = [process]
    for member in family:
        children = Path(f"/proc/{member}/task/{member}/children")
        if children.exists():
            family += map(int, children.read_text().split())
    return family


def kill(process: int) -> None:
    try:
        os.kill(process, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_and_resume(starts: Starts, run: Path, plan: list[tuple[str, int]]) -> list[Kill]:
    """Starts the run once for each kill, and once more to its end; returns the kills that came and were survived."""
    kills = []
    print(f"{'kill':>4}  {'phase':48} {'call':>4} {'at step':>8} {'goes on from':>12} {'lost':>5}")
    for phase, count in [*plan, (UNINTERRUPTED, 1)]:
        status = starts.run(phase, count)
        if status not in (0, KILLED):
            print(f"The start after kill {len(kills)} ended with status {status}:\n{starts.log.read_text()[-3000:]}")
            break
        if status == 0:
            if phase != UNINTERRUPTED:
                print(f"      {phase}: the run ended before this came")
            continue
        newest, _ = find_newest_whole(run)
        kills.append(Kill(phase, count, starts.read_steps_done(), int(newest.name[5:]) if newest else 0))
        done = "-" if kills[-1].done is None else kills[-1].done
        print(f"{len(kills):4}  {phase:48} {count:4} {done:>8} {kills[-1].resumed_from:12} {kills[-1].lost:5}")
    return kills


def describe_run(run: Path) -> dict:
    """What must be the same in both runs, by name."""
    newest, _ = find_newest_whole(run)
    described = {
        str(path.relative_to(run)): compute_sha256(path)
        for path in [*sorted(run.rglob("*.safetensors")), run / "scores.json", run / "predictions" / "test.jsonl"]
        if path.exists()
    }
    described["best.json"] = load_json(run / "checkpoints" / "best.json")
    described["progress.jsonl"] = [row | {"seconds": 0} for row in RunFolder(run).read_progress()]
    described["files"] = sorted(str(path.relative_to(run)) for path in run.rglob("*"))
    described["state.json"] = load_json(newest / "training" / "state.json") | {"seconds": 0}
    return described


def compare(options: argparse.Namespace, folder: Path) -> dict:
    """Runs both; returns the result that is printed last."""
    recipe, alone, killed = write_recipe(folder, options), folder / "alone", folder / "killed"
    starts = Starts(folder, recipe, options.processes, options.seed)
    if options.quick:
        status = starts.run(UNINTERRUPTED, 1, f"output={alone}")
        log = starts.log
    else:
        command, log = [*launch(options.processes, "seq2seq"), "train", str(recipe), f"output={alone}"], folder / "log"
        with log.open("w") as file:
            status = subprocess.run(command, cwd=ROOT, stdout=file, stderr=file).returncode
    if status != 0:
        raise SystemExit(f"The run left alone failed:\n{log.read_text()[-3000:]}")
    begun = time.monotonic()
    kills = kill_and_resume(starts, killed, plan_kills(options.kills, options.seed, times=0 if options.quick else 2))
    seconds = time.monotonic() - begun
    finished = (killed / "README.md").exists()
    expected, found = describe_run(alone), describe_run(killed) if finished else {}
    differing = [name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
    weights = [name for name in expected if name.endswith("/model.safetensors")][-1]
    print(f"{weights}\n  left alone {expected[weights]}\n  killed     {found.get(weights)}")
    return {
        "kills": len(kills),
        "survived": len(kills) if finished else max(len(kills) - 1, 0),
        "steps": len([row for row in expected["progress.jsonl"] if row["event"] == "train"]),
        "steps_lost": sum(kill.lost for kill in kills),
        "phases": len({re.sub(r", .*", "", kill.phase) for kill in kills}),
        "processes": options.processes,
        "seed": options.seed,
        "seconds": round(seconds, 1),
        "differing": sorted(differing),
        "identical": not differing,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1, help="of the order and the moments of the kills")
    parser.add_argument("--processes", type=int, default=1, help="more than one: by torchrun; one or all are killed")
    parser.add_argument("--quick", action="store_true", help="the run left alone is a fork too; no random times")
    parser.add_argument("--precision", choices=["fp32", "bf16", "fp16"], default="fp32")
    parser.add_argument("--encoder", help="a BERT folder; left out: a tiny random one")
    parser.add_argument("--data", help="a folder with train.jsonl, validation.jsonl and test.jsonl")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["SEQ2SEQ_CACHE"] = str(Path(folder) / "cache")  # the user's own is left alone
        result = compare(options, Path(folder))
    print(json.dumps(result))
    sys.exit(0 if result["identical"] and result["kills"] == result["survived"] == options.kills else 1)


if __name__ == "__main__":
    main()
