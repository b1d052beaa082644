"""`seq2seq train`: the whole way from a recipe to a card; a finished run resumes to a message."""

import yaml

from tests.cli.small_files import write_recipe


def test_train_generate_and_report_go_the_whole_way(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    code, out, err = seq2seq("train", recipe, "seed=3")
    assert code == 0
    assert "2 test pairs" in " ".join(out.split())  # the title is wrapped
    assert f"Run folder: {tmp_path / 'run'}" in err
    assert yaml.safe_load((tmp_path / "run/recipe.yaml").read_text())["seed"] == 3
    code, out, _ = seq2seq("generate", tmp_path / "run", "--text", "the cat", "--text", "")
    assert code == 0
    assert out.endswith("\n\n")
    code, out, err = seq2seq("report", tmp_path / "run", "--samples", "1")
    assert code == 0
    assert "bertshare" in out
    assert "source: the cat sat" in out
    assert f"Written: {tmp_path / 'run/README.md'}" in err


def test_truncated_texts_are_told_as_they_are_read_and_at_the_end(seq2seq, tiny_bert, tmp_path, pairs):
    data = {"train": str(pairs), "test": str(pairs), "max_source_tokens": 4, "max_target_tokens": 3}
    _, _, err = seq2seq("train", write_recipe(tmp_path, tiny_bert, pairs, data=data))
    told = " ".join(err.split())
    # Sources of three words with their two marks are longer than 4, one target of three words with its end than 3.
    for split in ("train", "test"):
        line = f"data.{split}: cut: 2 of 2 sources at 4 tokens (data.max_source_tokens), 1 of 2 targets at 3 tokens"
        assert told.count(line) == 2


def test_whole_texts_are_not_told_of(seq2seq, tiny_bert, tmp_path, pairs):
    _, _, err = seq2seq("train", write_recipe(tmp_path, tiny_bert, pairs))
    assert "cut:" not in err


def test_finished_run_resumes_to_a_message(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    seq2seq("train", recipe)
    code, _, err = seq2seq("train", recipe, "--resume")
    assert code == 0
    assert "is finished" in err


def test_square_brackets_in_a_path_are_shown(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    code, out, err = seq2seq("train", recipe, f"output={tmp_path / 'run[' / 'b]'}")
    assert code == 0
    assert f"Run folder: {tmp_path / 'run[' / 'b]'}" in err
    # However long the path is, and wherever its title is broken into lines.
    assert f"{tmp_path / 'run[' / 'b]'}:2testpairs" in "".join(out.split())


def test_log_holds_what_the_console_told_however_quiet_it_was(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    log = tmp_path / "run/log.txt"
    _, out, err = seq2seq("train", recipe)
    first = log.read_text()
    heading, *lines = first.splitlines()
    assert heading.endswith(f" seq2seq train {recipe}")
    assert "Parameters of plan bertshare" in lines
    told = [line for line in err.splitlines() if line.startswith(("training ", "Run folder: "))]
    assert told == [line for line in lines if line.startswith(("training ", "Run folder: "))]
    assert next(line for line in out.splitlines() if line.startswith("│")).split("│")[1].strip() in first
    code, _, err = seq2seq("train", recipe, "training.max_steps=9", "--resume", "--quiet")
    assert code == 1  # another recipe: what went wrong before the run was opened is told, and logged nowhere
    assert log.read_text() == first


def test_log_is_appended_by_a_run_that_goes_on(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    log = tmp_path / "run/log.txt"
    seq2seq("train", recipe)
    first = log.read_text()
    (tmp_path / "run/README.md").unlink()
    code, _, err = seq2seq("train", recipe, "--resume", "--quiet")
    assert (code, err) == (0, "")
    assert log.read_text().startswith(first)
    assert "Going on from step " in log.read_text()[len(first) :]
