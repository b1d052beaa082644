"""The files of launch/: scripts are valid, the page names them, Accelerate's configurations start what they say."""

import re
import subprocess
from pathlib import Path

import pytest
from accelerate.commands.config.config_args import load_config_from_file
from accelerate.commands.launch import launch_command, launch_command_parser

from seq2seq.processes.launch import check_launch

ROOT = Path(__file__).parents[2]
LAUNCH = ROOT / "launch"
SCRIPTS = sorted(str(path.relative_to(ROOT)) for path in LAUNCH.rglob("*.sh"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_valid_bash(script):
    result = subprocess.run(["bash", "-n", ROOT / script], capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_page_names_every_script_and_configuration_and_no_other():
    page = (LAUNCH / "README.md").read_text()
    named = set(re.findall(r"launch/[\w/]+\.(?:sh|yaml)", page))
    there = {str(path.relative_to(ROOT)) for path in LAUNCH.rglob("*") if path.suffix in (".sh", ".yaml")}
    assert named == there


@pytest.fixture
def torchrun_started(monkeypatch):
    """A function that has Accelerate's launcher begin with a configuration, and returns what it asks torchrun for."""

    def launch(configuration: str, *arguments: str):
        asked = []
        monkeypatch.setattr("torch.distributed.run.run", asked.append)
        path = str(LAUNCH / "accelerate" / configuration)
        launch_command(launch_command_parser().parse_args(["--config_file", path, *arguments, "-m", "seq2seq"]))
        (one,) = asked
        return one

    return launch


@pytest.mark.parametrize("path", sorted((LAUNCH / "accelerate").iterdir()), ids=lambda path: path.name)
def test_configuration_loads_and_leaves_the_precision_to_the_recipe(path):
    config = load_config_from_file(str(path))
    assert config.mixed_precision == "no"
    assert config.fsdp_config == config.deepspeed_config == {}


def test_configuration_for_one_gpu_starts_one_process(monkeypatch):
    started = []

    class Process:
        returncode = 0

        def __init__(self, command, env):
            started.append(env)

        def wait(self):
            pass

    monkeypatch.setattr("accelerate.commands.launch.subprocess.Popen", Process)
    path = str(LAUNCH / "accelerate/one_gpu.yaml")
    launch_command(launch_command_parser().parse_args(["--config_file", path, "-m", "seq2seq"]))
    (environment,) = started
    check_launch(environment, "", "bf16")


def test_configuration_for_one_node_starts_a_process_for_each_gpu(torchrun_started):
    asked = torchrun_started("one_node.yaml", "--num_processes", "4")
    assert (asked.nnodes, asked.nproc_per_node) == ("1:1", "4")


def test_configuration_for_several_nodes_starts_this_nodes_share(torchrun_started):
    arguments = "--num_processes 8 --machine_rank 1 --main_process_ip node1".split()
    asked = torchrun_started("several_nodes.yaml", *arguments)
    assert (asked.nnodes, asked.nproc_per_node, asked.node_rank) == ("2", "4", 1)
    assert (asked.rdzv_backend, asked.rdzv_endpoint) == ("static", "node1:29500")


@pytest.mark.parametrize("configuration", ["one_node.yaml", "several_nodes.yaml"])
def test_configuration_without_a_number_of_processes_is_refused(torchrun_started, configuration):
    with pytest.raises(ValueError, match="manually pass in `--num_processes`"):
        torchrun_started(configuration)
