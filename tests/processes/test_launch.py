"""A launch that would silently train on fewer processes, or otherwise than asked, is an error."""

import subprocess
import sys

import pytest
import yaml
from accelerate import Accelerator
from accelerate.commands.launch import launch_command, launch_command_parser

import seq2seq
from seq2seq.base.errors import TrainingError
from seq2seq.processes.group import build_accelerator
from seq2seq.processes.launch import check_launch
from seq2seq.recipe.recipe import build_recipe

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "node1", "MASTER_PORT": "29500"}
ACCELERATE = {"ACCELERATE_MIXED_PRECISION": "no"}


@pytest.fixture
def launched(monkeypatch, tmp_path):
    """A function that has Accelerate's launcher prepare one process and returns the environment it would get."""
    for name in (*TORCHRUN, *ACCELERATE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("accelerate.commands.launch.default_config_file", str(tmp_path / "none.yaml"))
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 0)

    def launch(*arguments: str) -> dict[str, str]:
        environments = []

        class Process:
            returncode = 0

            def __init__(self, command, env):
                environments.append(env)

            def wait(self):
                pass

        monkeypatch.setattr("accelerate.commands.launch.subprocess.Popen", Process)
        launch_command(launch_command_parser().parse_args([*arguments, "-m", "seq2seq"]))
        assert len(environments) == 1
        return environments[0]

    return launch


def write_configuration(folder, **settings) -> str:
    path = folder / "accelerate.yaml"
    path.write_text(yaml.safe_dump({"compute_environment": "LOCAL_MACHINE", "mixed_precision": "no"} | settings))
    return str(path)


def test_plain_process_is_a_run_of_one():
    check_launch({}, "", "fp32")


def test_process_of_torchrun_is_fine():
    check_launch(TORCHRUN, "", "fp32")


def test_torchrun_on_each_of_two_tasks_of_srun_is_fine():
    check_launch(TORCHRUN | {"SLURM_STEP_NUM_TASKS": "2"}, "", "fp32")


@pytest.mark.parametrize("arguments", [[], ["--num_processes", "1"], ["--cpu", "--num_processes", "1"]])
def test_accelerate_asked_for_one_process_is_fine(launched, arguments):
    check_launch(launched(*arguments), "", "fp32")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cpu", "--num_processes", "2"],
        ["--num_processes", "2"],
        ["--num_processes", "2", "--main_process_port", "0"],
        "--num_machines 2 --num_processes 2 --main_process_ip node1 --main_process_port 29500".split(),
    ],
)
def test_accelerate_that_starts_one_process_of_several_is_refused(launched, arguments):
    with pytest.raises(TrainingError, match=r"was asked for several processes .* started one.* Use torchrun: torchrun"):
        check_launch(launched(*arguments), "", "fp32")


@pytest.mark.parametrize("distributed_type", ["MULTI_CPU", "NO"])
def test_accelerate_whose_configuration_starts_one_process_of_several_is_refused(launched, tmp_path, distributed_type):
    path = write_configuration(tmp_path, distributed_type=distributed_type, num_processes=2)
    with pytest.raises(TrainingError, match="was asked for several processes"):
        check_launch(launched("--config_file", path), "", "fp32")


@pytest.mark.parametrize("option", ["--num_processes 5", "--num_processes=5", "--num-processes 5"])
def test_processes_that_accelerate_cannot_divide_by_the_machines_are_refused(option):
    environment, launcher = TORCHRUN | ACCELERATE, "python accelerate launch --num_machines 2 {} -m seq2seq"
    check_launch(environment, launcher.format("--num_processes 4"), "fp32")
    with pytest.raises(TrainingError, match="asked for 5 processes and started 4.* multiple of --num_machines"):
        check_launch(environment, launcher.format(option), "fp32")


def test_command_of_the_launcher_is_read():
    command = "from seq2seq.processes.launch import read_launcher_command; print(read_launcher_command())"
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{command}'])"
    result = subprocess.run([sys.executable, "-c", code, "--num_processes", "5"], capture_output=True, text=True)
    assert result.stdout.split()[-2:] == ["--num_processes", "5"]


@pytest.mark.parametrize(
    ("variable", "starter"),
    [
        ("SLURM_STEP_NUM_TASKS", "srun"), ("OMPI_COMM_WORLD_SIZE", "mpirun"), ("PMI_SIZE", "mpirun"),
        ("MV2_COMM_WORLD_SIZE", "mpirun"),
    ],
)  # fmt: skip
def test_tasks_that_would_each_train_alone_are_refused(variable, starter):
    with pytest.raises(
        TrainingError, match=rf"{starter} started 4 tasks \({variable}\).*found it unset.*launch/slurm; elsewhere torch"
    ):
        check_launch({variable: "4"}, "", "fp32")


def test_more_tasks_than_the_run_has_processes_are_refused():
    with pytest.raises(TrainingError, match="srun started 8 tasks .* found 4"):
        check_launch(TORCHRUN | {"SLURM_STEP_NUM_TASKS": "8"}, "", "fp32")


@pytest.mark.parametrize("missing", ["RANK", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"])
def test_process_that_cannot_find_the_others_is_refused(missing):
    environment = {name: value for name, value in TORCHRUN.items() if name != missing}
    with pytest.raises(TrainingError, match=f"WORLD_SIZE is 4, but {missing} is not set"):
        check_launch(environment, "", "fp32")


@pytest.mark.parametrize("plugin", ["FSDP", "DEEPSPEED", "MEGATRON_LM"])
def test_sharding_by_accelerate_is_refused(plugin):
    with pytest.raises(TrainingError, match=rf"\(ACCELERATE_USE_{plugin}\).* Set training\.sharding=fsdp"):
        check_launch(TORCHRUN | ACCELERATE | {f"ACCELERATE_USE_{plugin}": "true"}, "", "fp32")


def test_compilation_by_accelerate_is_refused(launched):
    with pytest.raises(TrainingError, match=r"\(ACCELERATE_DYNAMO_BACKEND\)\. Set training\.compile=true"):
        check_launch(launched("--dynamo_backend", "inductor"), "", "fp32")


def test_precision_of_accelerate_that_is_not_the_recipes_is_refused(launched):
    environment = launched("--mixed_precision", "bf16")
    check_launch(environment, "", "bf16")
    with pytest.raises(TrainingError, match=r"mixed_precision bf16, the recipe for training\.precision fp32"):
        check_launch(environment, "", "fp32")
    with pytest.raises(TrainingError, match=r"precision auto\. The recipe rules: set training\.precision=bf16"):
        check_launch(environment, "", "auto")
    check_launch(environment, "", None)  # a command that trains nothing


def test_precision_that_is_left_to_the_machine_goes_with_an_accelerate_that_asks_for_none(launched):
    check_launch(launched(), "", "auto")
    check_launch(launched("--mixed_precision", "no"), "", "auto")


@pytest.fixture
def recipe(tmp_path):
    return build_recipe(
        {
            "task": "sentence_fusion",
            "output": str(tmp_path / "run"),
            "model": {"plan": "bert2bert", "encoder": "none"},
            "data": {"train": "none.jsonl"},
            "training": {"max_steps": 1},
        }
    )


def test_accumulation_by_accelerate_is_refused():
    environment = ACCELERATE | {"ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4"}
    with pytest.raises(TrainingError, match="Accelerate would divide every gradient by it. Unset it"):
        check_launch(environment, "", "fp32")


def test_refused_launch_loads_nothing(recipe, launched, tmp_path, monkeypatch):
    # The recipe names a checkpoint and data that are not there, and nobody looks for them.
    for name, value in launched("--cpu", "--num_processes", "2").items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match="accelerate launch was asked for several processes"):
        seq2seq.train(recipe)
    assert not (tmp_path / "run").exists()


def test_process_that_accelerate_took_for_a_run_of_one_before_is_refused(recipe, monkeypatch):
    Accelerator(cpu=True)
    for name, value in (TORCHRUN | {"RANK": "0"}).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(TrainingError, match="Accelerate runs 1 processes where the launcher set WORLD_SIZE to 4"):
        build_accelerator(recipe)
