"""A hub in memory: what an upload asks of `huggingface_hub.HfApi`, with its errors; it keeps what it is given."""

import shutil
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

from huggingface_hub import errors


def answer(kind: type[errors.HfHubHTTPError], status: int, reason: str = "no") -> errors.HfHubHTTPError:
    """An error as the hub's library raises it for an answer of the server."""
    response = SimpleNamespace(status_code=status, headers={}, request=None)
    return kind(f"{status} Client Error.", response=response, server_message=reason)


class FakeHub:
    """In place of HfApi and of the hub behind it.

    folder: where what is uploaded lies. held: files by revision, of the one repository there is; None of none.
    failures: what a call raises, by its name. calls: the names of the calls, in order, with their arguments.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.held: dict[str, list[str]] | None = None
        self.is_private = False
        self.role = "write"
        self.failures: dict[str, Exception] = {}
        self.calls: list[tuple[str, dict]] = []

    def __call__(self) -> "FakeHub":
        return self

    def _note(self, call: str, **arguments) -> None:
        self.calls.append((call, arguments))
        if call in self.failures:
            raise self.failures[call]

    def whoami(self) -> dict:
        self._note("whoami")
        token = {"displayName": "laptop", "role": self.role}
        return {"name": "me", "orgs": [], "auth": {"type": "access_token", "accessToken": token}}

    def repo_info(self, repo_id: str, revision: str | None = None) -> SimpleNamespace:
        self._note("repo_info", repo_id=repo_id, revision=revision)
        if self.held is None:
            raise answer(errors.RepositoryNotFoundError, 404)
        if (revision or "main") not in self.held:
            raise answer(errors.RevisionNotFoundError, 404)
        files = [SimpleNamespace(rfilename=name) for name in self.held[revision or "main"]]
        return SimpleNamespace(private=self.is_private, siblings=files)

    def create_repo(self, repo_id: str, *, private: bool | None, exist_ok: bool) -> str:
        self._note("create_repo", repo_id=repo_id, private=private, exist_ok=exist_ok)
        if self.held is None:
            self.held = {"main": [".gitattributes"]}
            self.is_private = bool(private)
        return f"https://huggingface.co/{repo_id}"

    def create_branch(self, repo_id: str, *, branch: str, exist_ok: bool) -> None:
        self._note("create_branch", repo_id=repo_id, branch=branch, exist_ok=exist_ok)
        self.held[branch] = list(self.held["main"])

    def upload_folder(
        self,
        *,
        repo_id: str,
        folder_path: Path,
        revision: str | None,
        commit_message: str,
        delete_patterns: list[str] | None,
    ) -> None:
        self._note(
            "upload_folder",
            repo_id=repo_id,
            revision=revision,
            commit_message=commit_message,
            delete_patterns=delete_patterns,
        )
        shutil.copytree(folder_path, self.folder)
        new = [path.relative_to(self.folder).as_posix() for path in self.folder.rglob("*") if path.is_file()]
        held = self.held[revision or "main"]
        kept = [name for name in held if not any(fnmatch(name, pattern) for pattern in delete_patterns or ())]
        self.held[revision or "main"] = sorted({*kept, *new})
