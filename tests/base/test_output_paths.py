"""One rule for what commands write: nothing is lost without a word, and no folder is made far away."""

from pathlib import Path

import pytest

from seq2seq.base.console import be_quiet
from seq2seq.base.errors import AnalysisError, DataError
from seq2seq.base.output_paths import check_replaceable, check_replaceable_folder, check_root, make_folder

ROOT = Path(Path.cwd().anchor)


def test_file_that_holds_something_is_replaced_only_where_that_is_asked_for(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("mine")
    with pytest.raises(DataError, match=r"out\.txt exists\. Choose another output, or replace it with --overwrite"):
        check_replaceable([tmp_path / "new.txt", path], overwrite=False)
    check_replaceable([path], overwrite=True)


def test_missing_and_empty_files_and_devices_hold_nothing_to_lose(tmp_path):
    (tmp_path / "empty").touch()
    check_replaceable([tmp_path / "missing", tmp_path / "empty", Path("/dev/null")], overwrite=False)


def check(folder: Path, *, overwrite: bool = False) -> None:
    check_replaceable_folder(folder, overwrite=overwrite, mark="mark.json", without="training", error=AnalysisError)


def test_missing_and_empty_folders_may_be_written(tmp_path):
    check(tmp_path / "missing")
    check(tmp_path)


@pytest.mark.parametrize("name", ["mark.json", "thesis.txt"])
def test_folder_that_holds_something_is_refused(tmp_path, name):
    (tmp_path / name).touch()
    with pytest.raises(AnalysisError, match=r"exists\. Choose another output, or replace it with --overwrite"):
        check(tmp_path)


def test_earlier_output_may_be_replaced(tmp_path):
    (tmp_path / "mark.json").touch()
    check(tmp_path, overwrite=True)


def test_folder_that_is_no_earlier_output_is_never_replaced(tmp_path):
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(AnalysisError, match=r"is no earlier output \(without mark\.json\) and is not replaced"):
        check(tmp_path, overwrite=True)


def test_file_and_link_in_place_of_a_folder_are_never_replaced(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/mark.json").touch()
    (tmp_path / "link").symlink_to(tmp_path / "folder")
    for name in ("file", "link"):
        with pytest.raises(AnalysisError, match=rf"{name} is no earlier output"):
            check(tmp_path / name, overwrite=True)


def test_folder_that_holds_more_than_an_output_is_never_replaced(tmp_path):
    (tmp_path / "mark.json").touch()
    (tmp_path / "training").mkdir()
    with pytest.raises(AnalysisError, match="holds training too, which would be lost"):
        check(tmp_path, overwrite=True)


def test_one_folder_is_made_inside_one_that_is_there_and_told(tmp_path, capsys):
    make_folder(tmp_path / "new")
    assert (tmp_path / "new").is_dir()
    assert capsys.readouterr().err == f"Made the folder {tmp_path / 'new'}\n"
    make_folder(tmp_path / "new")
    assert capsys.readouterr().err == ""


def test_folder_that_was_asked_for_by_name_and_one_made_in_quiet_are_not_told(tmp_path, capsys):
    make_folder(tmp_path / "new", told=False)
    with be_quiet():
        make_folder(tmp_path / "other")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("name", ["away/deep", "away/../away/deep"])
def test_several_folders_are_not_made_outside_of_the_working_directory(tmp_path, name):
    with pytest.raises(DataError, match=r"there is no .*/away either\. Outside of the working directory, one folder"):
        make_folder(tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_several_folders_are_made_and_told_inside_the_working_directory(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_folder(Path("results/xsum/bertshare"))
    assert (tmp_path / "results/xsum/bertshare").is_dir()
    assert capsys.readouterr().err == "Made the folder results/xsum/bertshare\n"


def test_path_that_climbs_out_of_the_working_directory_is_not_inside_it(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    make_folder(Path("../beside"))
    with pytest.raises(DataError, match=r"there is no .*/beside/deep either"):
        make_folder(Path("../beside/deep/deeper"))


@pytest.mark.parametrize("name", ["no_such_folder", "no_such_folder/deep", "tmp/../no_such_folder"])
def test_no_folder_is_made_at_the_root_of_the_disk(name):
    with pytest.raises(DataError, match="there is no /no_such_folder, and no folder is made at the root of the disk"):
        make_folder(ROOT / name)


def test_root_as_working_directory_makes_no_difference(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(DataError, match="there is no /no_such_folder"):
        check_root(Path("no_such_folder/run"))


def test_folder_that_another_process_makes_meanwhile_is_taken(tmp_path, monkeypatch, capsys):
    def be_late(path, make=Path.mkdir, **options):
        make(path)
        raise FileExistsError(17, "File exists")

    monkeypatch.setattr(Path, "mkdir", be_late)
    make_folder(tmp_path / "new")
    assert capsys.readouterr().err == ""


def test_file_in_the_place_of_a_folder_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"file: the folder cannot be made \(File exists\)"):
        make_folder(tmp_path / "file")
