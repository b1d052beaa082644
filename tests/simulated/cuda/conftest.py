"""The tests of this folder run in a child process, which has the device; here they tell what became of them there.

Where there is no compiler they are skipped. In the child this file offers the models that they share.
"""

from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest

import seq2seq
from tests.conftest import shake
from tests.families import save_family
from tests.published import save_published
from tests.simulated.cuda.child import Child, Outcome, is_child
from tests.simulated.cuda.device import COMPILER, build_library, has_compiler

FOLDER = Path(__file__).parent
CHILD = pytest.StashKey[Child]()


def pytest_itemcollected(item: pytest.Item) -> None:
    if not is_child():
        item.fixturenames.clear()  # they are for the child


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if is_child():
        return None
    if not has_compiler():
        pytest.skip(f"{COMPILER} is not here, which builds the simulated CUDA device")
    child = find_child(pyfuncitem.session)
    outcome = child.find_outcome(pyfuncitem.nodeid)
    if outcome is None:
        pytest.fail(f"the child did not come to this test\n{child.read_last_words()}", pytrace=False)
    if outcome.word == "skipped":
        pytest.skip(outcome.reason)
    if outcome.word == "failed":
        pytest.fail(outcome.reason, pytrace=False)
    return True


def find_child(session: pytest.Session) -> Child:
    """The one that runs all tests of the folder that the session runs."""
    if CHILD not in session.stash:
        library = build_library(session.config.cache.mkdir("simulated_cuda"))
        tests = [item.nodeid for item in session.items if FOLDER in item.path.parents]
        session.stash[CHILD] = Child(library, tests)
    return session.stash[CHILD]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if CHILD in session.stash:
        session.stash[CHILD].end()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tells, in the child, how each test ended; before or behind the test itself, where it failed there."""
    if not is_child() or (report.passed and report.when != "call"):
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    Outcome(report.nodeid, report.outcome, reason).tell()


@pytest.fixture(scope="session")
def start_pair(tmp_path_factory):
    """A function that starts a pair of families, whose heads all do something, and gives a copy of it."""

    @cache
    def save(family, width):
        return str(save_family(tmp_path_factory.mktemp("family") / family, family, width=width))

    @cache
    def start(encoder, encoder_width, decoder, decoder_width):
        sides = {"encoder": save(encoder, encoder_width), "decoder": save(decoder, decoder_width)}
        model = seq2seq.warm_start(plan="pair", **sides, convert=False).model
        shake(model, 0.1, seed=1)
        return model.eval()

    def copy(encoder="bert", encoder_width=32, decoder="bert", decoder_width=32):
        return deepcopy(start(encoder, encoder_width, decoder, decoder_width))

    return copy


@pytest.fixture(scope="session")
def start_published(tmp_path_factory):
    """A function that starts from a tiny published model, and gives a copy of it."""

    @cache
    def start(family):
        folder = save_published(tmp_path_factory.mktemp("published"), family)
        model = seq2seq.warm_start(plan="pretrained", checkpoint=str(folder)).model
        shake(model, 0.1, seed=1)
        return model.eval()

    return lambda family: deepcopy(start(family))
