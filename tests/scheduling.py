"""Which tests share a worker of pytest-xdist, and in which order the workers take them."""

from xdist.scheduler import LoadFileScheduling

# Files whose tests start processes, on all cores: one after the other in one worker, beside the other files in others.
LAUNCHING = (
    "tests/processes/test_group.py",
    "tests/verbs/test_generate_file.py",
    "tests/launch/test_processes.py",
    "tests/runs/test_precision.py",
    "tests/training/test_fork_server.py",
    "tests/training/test_freezing.py",
    "tests/training/test_kill_and_resume.py",
    "tests/training/test_sharding.py",
    "tests/training/test_two_processes.py",
)

# Its files share a child process of their worker, which has the device that they need.
ON_A_SIMULATED_DEVICE = "tests/simulated/cuda"


class FileScheduling(LoadFileScheduling):
    """The tests of a file stay together, as its fixtures are made once a worker, and those of launching files too."""

    def __init__(self, config, log=None):
        super().__init__(config, log)
        config.option.loadscopereorder = False  # launches take longest though their tests are few: early, as collected

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        if file.startswith(f"{ON_A_SIMULATED_DEVICE}/"):
            return ON_A_SIMULATED_DEVICE
        return "launches" if file in LAUNCHING else file
