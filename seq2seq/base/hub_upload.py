"""Uploads to the hub: its names, what a repository holds already, and one folder put there.

Knows nothing of what the files are. Whatever can be refused is refused before anything is made there.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .errors import HubError

MAIN = "main"
PULL_REQUEST = re.compile(r"refs/pr/\d+")
COMMIT = re.compile("[0-9a-fA-F]{40}")
BRANCH = re.compile(r"(?!.*(?:\.\.|//|@\{))[A-Za-z0-9_][\w./+-]*(?<![./])(?<!\.lock)", re.ASCII)
LOGIN = (
    "Log in with `hf auth login`, or set HF_TOKEN to a token that may write: https://huggingface.co/settings/tokens."
)
READ_ONLY = "read"  # the role of a token that may not write


@dataclass(frozen=True)
class Destination:
    """Where an upload goes.

    name: NAMESPACE/NAME, or NAME alone for one's own. revision: a branch, or refs/pr/N; None is the main one.
    is_private: whether only its owners may see it, where it is not there yet.
    """

    name: str
    revision: str | None = None
    is_private: bool = False

    @property
    def title(self) -> str:
        """The name without its namespace."""
        return self.name.rpartition("/")[2]


@dataclass(frozen=True)
class Repository:
    """A repository on the hub as it is found.

    destination: with its whole name. files: None where there is no such repository yet.
    """

    api: Any
    destination: Destination
    files: tuple[str, ...] | None
    has_revision: bool


def check_destination(destination: Destination) -> None:
    """Makes sure that the hub can have a repository and a revision of these names; asks no network.

    Raises:
        HubError: it cannot.
    """
    check_repository_name(destination.name, "name")
    revision = destination.revision
    if revision is None or PULL_REQUEST.fullmatch(revision):
        return
    if COMMIT.fullmatch(revision):
        raise HubError(f"revision: {revision} is a commit, which nothing can be added to. Give the name of a branch.")
    if not BRANCH.fullmatch(revision):
        raise HubError(
            f"revision: a branch has letters, digits and . - _ / in its name, no two dots together, none at an end "
            f"(found: {revision!r})."
        )


def check_repository_name(name: str, option: str) -> None:
    """Makes sure that a name may be a repository's, by the hub's own rules; `option` opens the message.

    Raises:
        HubError: it may not.
    """
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        reason = str(error).strip().rstrip(".")
        raise HubError(f"{option}: {reason}. Give NAMESPACE/NAME, such as me/my-model, or NAME alone.") from None


def find_repository(destination: Destination) -> Repository:
    """Asks the hub who is logged in, and what stands where the upload is to go; changes nothing.

    Raises:
        HubError: there is no token or one that may not write, no network, or a public repository where a private one
            was asked for.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with explain_refused(destination.name):
        user = api.whoami()
    _check_may_write(user)
    if "/" not in destination.name:
        destination = replace(destination, name=f"{user['name']}/{destination.name}")
    with explain_refused(destination.name):
        repository = _look_at(api, destination)
    return repository


def _check_may_write(user: dict[str, Any]) -> None:
    token = user.get("auth", {}).get("accessToken") or {}
    if token.get("role") == READ_ONLY:
        raise HubError(
            f"The token {token.get('displayName', '')!r} of {user['name']} may only read. Make one that may write at "
            "https://huggingface.co/settings/tokens, and log in with it: `hf auth login`."
        )


def _look_at(api: Any, destination: Destination) -> Repository:
    from huggingface_hub.errors import RepositoryNotFoundError, RevisionNotFoundError

    has_revision = True
    try:
        try:
            info = api.repo_info(destination.name, revision=destination.revision)
        except RevisionNotFoundError:
            # A new branch begins with what the main one holds.
            has_revision = False
            info = api.repo_info(destination.name)
    except RepositoryNotFoundError:
        return Repository(api, destination, files=None, has_revision=False)
    if destination.is_private and not info.private:
        raise HubError(
            f"{destination.name} is there already, and everybody can see it. Make it private in its settings on the "
            "hub, or choose another name."
        )
    files = tuple(file.rfilename for file in info.siblings or ())
    return Repository(api, destination, files, has_revision)


def upload_folder(repository: Repository, folder: Path, message: str, removed: Sequence[str] = ()) -> str:
    """Puts all files of a folder into a repository, which is made where it is not there; returns its address.

    Args:
        removed: files of the repository that go.

    Raises:
        HubError: the hub refuses it or cannot be reached.
    """
    api = repository.api
    destination = repository.destination
    name = destination.name
    with explain_refused(name):
        # Without a choice it is as the owner has it for all that is new.
        url = api.create_repo(name, private=True if destination.is_private else None, exist_ok=True)
        if _needs_branch(repository):
            api.create_branch(name, branch=destination.revision, exist_ok=True)
        api.upload_folder(
            repo_id=name,
            folder_path=folder,
            revision=destination.revision,
            commit_message=message,
            delete_patterns=[_escape(file) for file in removed] or None,
        )
    return str(url)


def _needs_branch(repository: Repository) -> bool:
    revision = repository.destination.revision
    if revision in (None, MAIN) or repository.has_revision:
        return False
    return PULL_REQUEST.fullmatch(revision) is None


def _escape(file: str) -> str:
    """A file's name as a pattern that it alone fits. 'a[1].png' -> 'a[[]1].png'"""
    return re.sub(r"([*?[])", r"[\1]", file)


@contextmanager
def explain_refused(name: str) -> Iterator[None]:
    """Says in our words what the hub or the network refuses in the block.

    Raises:
        HubError: naming the repository.
    """
    from huggingface_hub import errors

    try:
        yield
    except errors.LocalTokenNotFoundError:
        raise HubError(f"{name}: there is no token for the hub on this machine. {LOGIN}") from None
    except errors.OfflineModeIsEnabled:
        raise HubError(
            f"{name}: the hub may not be asked, because HF_HUB_OFFLINE is set. Unset it; --dry-run shows offline what "
            "would be uploaded."
        ) from None
    except errors.HfHubHTTPError as answer:
        raise HubError(f"{name}: {_explain_answer(answer)}") from None
    # The libraries below, which differ from version to version, have errors of their own for the network.
    except (OSError, errors.HTTPError, RuntimeError) as failure:
        lines = str(failure).strip().splitlines() or [type(failure).__name__]
        raise HubError(
            f"{name}: the hub could not be reached ({lines[0]}). Check the network and give the command again: what "
            "was uploaded is not uploaded twice."
        ) from None


def _explain_answer(answer: Any) -> str:
    status = answer.response.status_code
    lines = str(getattr(answer, "server_message", None) or answer).strip().splitlines() or ["no reason given"]
    reason = lines[0].rstrip(".")
    if status == 401:
        return f"the hub does not know the token ({reason}). {LOGIN}"
    if status == 403:
        return (
            f"the token may not write there ({reason}). Choose a namespace of your own, or a token with the right to "
            "write: https://huggingface.co/settings/tokens."
        )
    if status == 404:
        return f"there is no such repository or revision, or the token may not see it ({reason}). Check the names."
    if status in (409, 412):
        return f"somebody else changed the repository meanwhile ({reason}). Give the command again."
    if status == 429 or status >= 500:
        return f"the hub is too busy ({status}: {reason}). Give the command again later."
    return f"the hub refused it ({status}: {reason})."
