"""A device named `cuda` without a GPU: builds twins.cpp, which makes it, and answers for it what torch asks of CUDA.

A process has it from before it imports torch until it ends: tests that need it run in a child (conftest.py). As a
plugin of pytest (`-p tests.simulated.cuda.device`) this file loads the library that CUDA_LIBRARY names. Of time, memory
and a GPU's own random numbers it tells nothing.
"""

import ctypes
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from unittest import mock

CUDA_LIBRARY = "SEQ2SEQ_TESTS_CUDA_LIBRARY"
SOURCE = Path(__file__).with_name("twins.cpp")
COMPILER = "g++"
# What the CPU's torch has no library for: answers, or nothing to do.
ANSWERS = {
    "is_available": True,
    "is_bf16_supported": True,
    "is_initialized": True,
    "device_count": 1,
    "current_device": 0,
    "get_device_name": "Simulated",
    "get_device_capability": (9, 0),
    "max_memory_allocated": 0,
    "memory_allocated": 0,
    "memory_reserved": 0,
    "mem_get_info": (2**34, 2**34),  # free, of all
    "_is_in_bad_fork": False,
    "_lazy_init": None,
    "set_device": None,
    "synchronize": None,
    "empty_cache": None,
    "reset_peak_memory_stats": None,
    # The device draws from the CPU's generator, which torch.manual_seed seeds.
    "manual_seed": None,
    "manual_seed_all": None,
}


def has_compiler() -> bool:
    return shutil.which(COMPILER) is not None


def build_library(folder: Path) -> Path:
    """The library of this source and this torch, built once a folder.

    Raises:
        RuntimeError: the compiler refuses the source.
    """
    source = SOURCE.read_bytes()
    key = hashlib.sha256(source + version("torch").encode()).hexdigest()[:16]
    library = folder / f"twins_{key}.so"
    if library.exists():
        return library
    torch = Path(importlib.util.find_spec("torch").origin).parent  # not imported: it would be too early
    unfinished = folder / f"{library.name}.{os.getpid()}"  # several workers may build at a time
    command = [
        COMPILER, "-O1", "-shared", "-fPIC", "-std=c++20",
        f"-I{torch / 'include'}", f"-I{torch / 'include/torch/csrc/api/include'}", str(SOURCE),
        f"-L{torch / 'lib'}", "-lc10", "-ltorch_cpu", f"-Wl,-rpath,{torch / 'lib'}", "-o", str(unfinished),
    ]  # fmt: skip
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode:
        raise RuntimeError(f"{COMPILER} does not build {SOURCE.name} against torch {version('torch')}:\n{built.stderr}")
    for old in folder.glob("twins_*.so"):
        old.unlink(missing_ok=True)
    unfinished.replace(library)
    return library


def load(library: str) -> None:
    """Makes the device, for the rest of the process; torch looks for one while it is imported, so not later.

    Raises:
        RuntimeError: torch has been imported already.
    """
    if "torch" in sys.modules:
        raise RuntimeError("torch was imported before the simulated device was there")
    ctypes.CDLL(library)
    import torch

    for name, answer in ANSWERS.items():
        setattr(torch.cuda, name, lambda *_, answer=answer, **__: answer)
    torch.UntypedStorage.clone = _clone_storage  # whose constructor knows no devices but those torch is built for


def _clone_storage(storage):
    import torch

    copy = torch.empty(storage.nbytes(), dtype=torch.uint8, device=storage.device).untyped_storage()
    return copy.copy_(storage)


@contextmanager
def on_the_cpu() -> Iterator[None]:
    """Runs of the block find no device, and are those of a plain CPU."""
    import torch

    _forget_processes()
    try:
        with mock.patch.object(torch.cuda, "is_available", lambda: False):
            yield
    finally:
        _forget_processes()


def _forget_processes() -> None:
    """Accelerate keeps the device of its first run."""
    from accelerate.state import AcceleratorState, PartialState

    AcceleratorState._reset_state()
    PartialState._reset_state()


def pytest_load_initial_conftests() -> None:
    load(os.environ[CUDA_LIBRARY])
