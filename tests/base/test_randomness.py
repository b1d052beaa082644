"""Random numbers: one seed a use, repeatable, independent of what was drawn before."""

import hashlib

import numpy
import pytest
import torch

from seq2seq.base.randomness import build_generator, derive_seed, seed_torch


@pytest.fixture(autouse=True)
def _keep_torch_seed():
    with torch.random.fork_rng(devices=[]):
        yield


def test_seed_is_the_first_63_bits_of_the_sha256_of_the_place():
    digest = hashlib.sha256(b"1/dropout/3/0").hexdigest()
    assert derive_seed(1, "dropout", 3, 0) == int(digest[:16], 16) // 2


def test_places_have_different_seeds():
    keys = [(1,), (2,), (1, "order"), (1, "order", 2, 3), (1, "order", 23), (1, "window", 2, 3), (11,), (1, 1)]
    assert len({derive_seed(*key) for key in keys}) == len(keys)


def test_seeds_fit_a_signed_64_bit_integer():
    assert all(0 <= derive_seed(number) < 2**63 for number in range(1000))


def test_generator_of_a_place_draws_the_same_numbers_again():
    first = build_generator(1, "order", 0).random(5)
    build_generator(1, "order", 1).random(5)
    numpy.testing.assert_array_equal(build_generator(1, "order", 0).random(5), first)


def test_generators_of_two_places_draw_different_numbers():
    assert (build_generator(1, "order", 0).random(5) != build_generator(1, "order", 1).random(5)).all()


def test_torch_draws_the_same_numbers_after_the_same_place():
    seed_torch(1, "dropout", 3)
    first = torch.rand(5)
    torch.rand(7)
    seed_torch(1, "dropout", 3)
    assert torch.equal(torch.rand(5), first)


def test_torch_draws_different_numbers_after_another_place():
    seed_torch(1, "dropout", 3)
    first = torch.rand(5)
    seed_torch(1, "dropout", 4)
    assert not torch.equal(torch.rand(5), first)
