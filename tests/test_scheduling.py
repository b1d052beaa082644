"""Which tests share a worker: those of a file, and those of all files that launch processes."""

from tests.scheduling import LAUNCHING, FileScheduling
from tests.test_recipes_folder import ROOT

STARTERS = ("launch_in_forks(", "run_in_fork(", "several_nodes.sh")


def test_every_file_that_launches_processes_is_listed():
    tests = {path.relative_to(ROOT).as_posix(): path.read_text() for path in (ROOT / "tests").rglob("test_*.py")}
    for name in ("test_scheduling", "test_documented_commands"):  # which name them, and start none
        del tests[f"tests/{name}.py"]
    assert sorted(LAUNCHING) == sorted(name for name, text in tests.items() if any(word in text for word in STARTERS))


def test_files_that_launch_processes_share_a_worker_and_any_other_has_its_own_scope():
    scheduling = FileScheduling.__new__(FileScheduling)  # what it is given by pytest-xdist plays no part in scopes
    files = [*LAUNCHING, "tests/test_files.py", "tests/test_files.py"]
    scopes = [scheduling._split_scope(f"{file}::test_{index}[x::y]") for index, file in enumerate(files)]
    assert scopes == ["launches"] * len(LAUNCHING) + ["tests/test_files.py"] * 2


def test_files_whose_tests_need_the_simulated_device_share_a_worker():
    scheduling = FileScheduling.__new__(FileScheduling)
    folder = ROOT / "tests/simulated/cuda"
    files = [path.relative_to(ROOT).as_posix() for path in folder.glob("test_*.py")]
    assert len(files) > 1
    assert {scheduling._split_scope(f"{file}::test") for file in files} == {"tests/simulated/cuda"}
