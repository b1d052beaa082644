"""Uploads to a hub in memory: names by the rules of the hub's library, errors in words, the order of the calls."""

import pytest
from huggingface_hub import errors

from seq2seq.base.errors import HubError
from seq2seq.base.hub_upload import Destination, check_destination, find_repository, upload_folder
from tests.fake_hub import answer


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "files").mkdir()
    (tmp_path / "files/a[1].json").write_text("{}")
    return tmp_path / "files"


@pytest.mark.parametrize("name", ["mine", "me/mine", "me/My_model-1.0"])
@pytest.mark.parametrize("revision", [None, "main", "v2", "refs/pr/3", "user/branch", "1.0", "feed5"])
def test_names_that_the_hub_can_have_pass(name, revision):
    check_destination(Destination(name, revision))


@pytest.mark.parametrize(
    "name", ["runs/mine/x", "me/", "/mine", "me/a b", "me/a--b", "me/a..b", "me/mine.git", "", "é"]
)
def test_names_that_the_hubs_library_refuses_are_refused_in_words(name):
    with pytest.raises(HubError, match="^name: .*Give NAMESPACE/NAME, such as me/my-model, or NAME alone.$"):
        check_destination(Destination(name))


@pytest.mark.parametrize("revision", ["", "a b", "a..b", "-a", "a/", "a.lock", "a~1", "a:b", "refs/../x", "é"])
def test_revision_that_is_no_branch_is_refused(revision):
    with pytest.raises(HubError, match="^revision: a branch has letters, digits and"):
        check_destination(Destination("me/mine", revision))


def test_commit_is_no_revision_to_upload_to():
    with pytest.raises(HubError, match="0{40} is a commit, which nothing can be added to. Give the name of a branch."):
        check_destination(Destination("me/mine", "0" * 40))


def test_new_repository_is_made_before_the_upload_and_nothing_before_the_questions(hub, folder):
    repository = find_repository(Destination("mine"))
    assert [call for call, _ in hub.calls] == ["whoami", "repo_info"]
    assert (repository.destination.name, repository.files) == ("me/mine", None)
    assert upload_folder(repository, folder, "First") == "https://huggingface.co/me/mine"
    assert hub.calls[2:] == [
        ("create_repo", {"repo_id": "me/mine", "private": None, "exist_ok": True}),
        (
            "upload_folder",
            {"repo_id": "me/mine", "revision": None, "commit_message": "First", "delete_patterns": None},
        ),
    ]
    assert hub.held == {"main": [".gitattributes", "a[1].json"]}


def test_new_branch_is_made_and_one_that_is_there_is_not(hub, folder):
    hub.held = {"main": ["old.json"]}
    repository = find_repository(Destination("me/mine", "v2"))
    assert repository.files == ("old.json",)  # which the branch will begin with
    upload_folder(repository, folder, "Second")
    assert hub.held == {"main": ["old.json"], "v2": ["a[1].json", "old.json"]}
    hub.calls.clear()
    hub.folder = hub.folder.with_name("again")
    upload_folder(find_repository(Destination("me/mine", "v2")), folder, "Third")
    assert "create_branch" not in [call for call, _ in hub.calls]


def test_files_that_go_are_removed_by_their_whole_names(hub, folder):
    hub.held = {"main": ["b[1].json", "b1.json"]}
    upload_folder(find_repository(Destination("me/mine")), folder, "Second", ["b[1].json"])
    assert hub.held == {"main": ["a[1].json", "b1.json"]}


def test_private_repository_is_made_private(hub, folder):
    upload_folder(find_repository(Destination("me/mine", is_private=True)), folder, "First")
    assert hub.is_private
    find_repository(Destination("me/mine", is_private=True))


def test_public_repository_does_not_become_private(hub):
    hub.held = {"main": []}
    with pytest.raises(HubError, match="me/mine is there already, and everybody can see it. Make it private"):
        find_repository(Destination("me/mine", is_private=True))


def test_token_that_may_only_read_is_refused(hub):
    hub.role = "read"
    with pytest.raises(HubError, match="The token 'laptop' of me may only read. Make one that may write"):
        find_repository(Destination("me/mine"))
    assert [call for call, _ in hub.calls] == ["whoami"]


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (errors.LocalTokenNotFoundError("Token is required"), "there is no token for the hub on this machine. Log in"),
        (errors.OfflineModeIsEnabled("offline"), "the hub may not be asked, because HF_HUB_OFFLINE is set. Unset it"),
        (answer(errors.HfHubHTTPError, 401), r"the hub does not know the token \(no\). Log in with"),
        (answer(errors.HfHubHTTPError, 403), r"the token may not write there \(no\). Choose a namespace of your own"),
        (answer(errors.RepositoryNotFoundError, 404), "there is no such repository or revision, or the token may not"),
        (answer(errors.HfHubHTTPError, 409), "somebody else changed the repository meanwhile"),
        (answer(errors.HfHubHTTPError, 429), r"the hub is too busy \(429: no\). Give the command again later."),
        (answer(errors.HfHubHTTPError, 503), r"the hub is too busy \(503: no\)"),
        (answer(errors.BadRequestError, 400, "Bad card.\nLine 2"), r"the hub refused it \(400: Bad card\)."),
        (ConnectionError("no route to host"), r"the hub could not be reached \(no route to host\). Check the network"),
        (errors.HTTPError("timed out"), r"could not be reached \(timed out\)"),
        (RuntimeError(""), r"could not be reached \(RuntimeError\)"),
    ],
)
def test_what_the_hub_or_the_network_refuses_is_said_in_words(hub, folder, failure, message):
    hub.failures["whoami"] = failure
    with pytest.raises(HubError, match=f"^me/mine: .*{message}"):
        find_repository(Destination("me/mine"))
    hub.failures = {"upload_folder": failure}
    with pytest.raises(HubError, match=f"^me/mine: .*{message}"):
        upload_folder(find_repository(Destination("me/mine")), folder, "First")
