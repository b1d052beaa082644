"""Random numbers that a run can repeat: each use has a seed of its own, derived from the run's seed and its name.

Nothing here depends on how many numbers were drawn before, so a resumed run needs no saved generator.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy

if TYPE_CHECKING:
    import torch


def derive_seed(*key: int | str) -> int:
    """A 63-bit seed from a key: the run's seed and the name of a use, as `derive_seed(1, "dropout", step, rank)`."""
    text = "/".join(map(str, key))
    digest = hashlib.sha256(text.encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def build_generator(*key: int | str) -> numpy.random.Generator:
    """A numpy generator seeded by `derive_seed`."""
    bits = numpy.random.PCG64(derive_seed(*key))
    return numpy.random.Generator(bits)


def seed_torch(*key: int | str) -> "torch.Generator":
    """Seeds torch on every device by `derive_seed`: initial weights and dropout masks come from there."""
    import torch

    return torch.manual_seed(derive_seed(*key))
