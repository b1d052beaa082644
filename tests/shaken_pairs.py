"""Pairs of tiny checkpoints of any two families, in their own classes, whose heads all do something."""

from collections.abc import Callable
from functools import cache

from pytest import TempPathFactory
from torch import nn

from seq2seq import warm_start
from tests.conftest import shake
from tests.families import save_family


def build_starter(folders: TempPathFactory) -> Callable[[str, str], nn.Module]:
    """A function from the families of encoder and decoder to a model in evaluation mode, its weights moved a little."""

    @cache
    def save(family: str, head: bool) -> str:
        return str(save_family(folders.mktemp(family), family, head=head))

    def start(encoder: str, decoder: str) -> nn.Module:
        started = warm_start(plan="pair", encoder=save(encoder, False), decoder=save(decoder, True), convert=False)
        shake(started.model, 0.1)
        return started.model.eval()

    return start
