"""The command line: every command on small files, errors as one message without a traceback."""

import json
import subprocess
import sys

import pytest
import yaml

from seq2seq import api
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.errors import DataError, ScoringError
from tests.conftest import describe, shake
from tests.reports.made_up_run import write_run


@pytest.fixture
def checkpoint(started, tmp_path):
    shake(started.model)
    write_checkpoint(tmp_path / "ckpt", started.model, started.tokenizers, describe(started, num_beams=2))
    return tmp_path / "ckpt"


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"source": "the cat sat", "target": "a cat"}, {"source": "a dog ran", "target": "a dog ran"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_recipe(tmp_path, tiny_bert, pairs, **changes):
    values = {
        "task": "sentence_fusion",
        "output": str(tmp_path / "run"),
        "model": {"plan": "bertshare", "encoder": str(tiny_bert)},
        "data": {"train": str(pairs), "test": str(pairs), "max_source_tokens": 16, "max_target_tokens": 16},
        "training": {"batch_examples": 2, "max_steps": 2},
        "generation": {"num_beams": 1, "max_target_tokens": 5},
    }
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(values | changes))
    return path


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


def test_average_of_a_runs_last_checkpoints_generates(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    seq2seq("train", recipe, "training.checkpoint_every_steps=1")
    run, output = tmp_path / "run", tmp_path / "average"
    code, _, err = seq2seq("average", run, "--last", "2", "--output", output)
    assert code == 0
    steps = [str(run / f"checkpoints/step_0000000{step}") for step in (1, 2)]
    assert err.splitlines() == [*(f"Averaged: {step}" for step in steps), f"Written: {output}"]
    assert seq2seq("generate", output, "--text", "the cat sat")[0] == 0
    code, _, err = seq2seq("average", run, steps[0], "--output", output)
    assert code == 1
    assert f"{output} exists already" in err


def test_average_of_named_checkpoints_says_what_differs(seq2seq, started, checkpoint, tmp_path):
    write_checkpoint(tmp_path / "other", started.model, started.tokenizers, describe(started, num_beams=5))
    code, _, err = seq2seq("average", checkpoint, tmp_path / "other", "--output", tmp_path / "average")
    assert code == 0
    assert "They differ in generation; the last one's hold." in err
    assert json.loads((tmp_path / "average/seq2seq.json").read_text())["generation"]["num_beams"] == 5


def test_average_of_the_last_of_two_runs_is_refused(seq2seq, checkpoint, tmp_path):
    code, _, err = seq2seq("average", checkpoint, checkpoint, "--last", "2", "--output", tmp_path / "average")
    assert code == 1
    assert "The last 2 checkpoints are those of one run; found 2 names." in err


def test_finished_run_resumes_to_a_message(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    seq2seq("train", recipe)
    code, _, err = seq2seq("train", recipe, "--resume")
    assert code == 0
    assert "is finished" in err


def test_generate_reads_standard_input_and_keeps_every_line(seq2seq, checkpoint):
    code, out, err = seq2seq("generate", checkpoint, "--input", "-", stdin=b"the cat\n\na dog\r\nbird \xff sea\n")
    assert code == 0
    lines = out.split("\n")
    assert len(lines) == 5
    assert lines[1] == ""
    assert lines[0] and lines[2] and lines[3]
    assert "1 sources without a token, output empty" in err
    assert "1 sources with bytes that are not UTF-8" in err


def test_generate_writes_jsonl_by_the_name_of_the_output(seq2seq, checkpoint, pairs, tmp_path):
    code, out, _ = seq2seq("generate", checkpoint, "--input", pairs, "--output", tmp_path / "out.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert (code, out) == (0, "")
    assert [row["source"] for row in rows] == ["the cat sat", "a dog ran"]
    assert all(row["prediction"] for row in rows)


def test_generate_options_override_the_checkpoints(seq2seq, checkpoint):
    long = seq2seq("generate", checkpoint, "--text", "the cat sat", "--num-beams", "1")[1]
    short = seq2seq("generate", checkpoint, "--text", "the cat sat", "--num-beams", "1", "--max-target-tokens", "2")[1]
    assert 0 < len(short) < len(long)


def test_generate_refuses_an_option_out_of_range(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--num-beams", "0")
    assert code == 1
    assert "num_beams: input should be greater than 0 (found: 0)" in err


def test_generate_writes_several_outputs_with_scores_as_jsonl(seq2seq, checkpoint, tmp_path):
    path = tmp_path / "out.jsonl"
    command = ("generate", checkpoint, "--text", "the cat", "--num-beams", "3", "--num-outputs", "3", "--scores")
    assert seq2seq(*command, "--output", path)[0] == 0
    [row] = [json.loads(line) for line in path.read_text().splitlines()]
    assert len(row["predictions"]) == len(row["scores"]) == 3
    assert (row["prediction"], row["score"]) == (row["predictions"][0], row["scores"][0])
    code, _, err = seq2seq(*command, "--output", tmp_path / "out.txt")
    assert code == 1
    assert "several outputs of a text, and scores, need an output FILE.jsonl" in err


def test_generate_refuses_what_would_be_cut_where_it_is_strict(seq2seq, checkpoint):
    command = ("generate", checkpoint, "--input", "-", "--strict")
    assert seq2seq(*command, stdin=b"a cat\n\n")[0] == 0
    code, _, err = seq2seq(*command, stdin=b"a cat\n" + b"cat " * 40)
    assert code == 1
    assert "standard input line 2 has 42 tokens with its marks, max_source_tokens is 32" in err


def test_generate_goes_on_with_an_unfinished_file(seq2seq, checkpoint, tmp_path):
    path, rows = tmp_path / "out.txt", [b'{"source": "a cat"}', b'{"source": "a dog"}']
    (tmp_path / "in.jsonl").write_bytes(rows[0] + b"\n{")
    command = ("generate", checkpoint, "--input", tmp_path / "in.jsonl", "--output", path, "--window", "1")
    assert seq2seq(*command)[0] == 1
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(rows))
    code, _, err = seq2seq(*command)
    assert code == 1
    assert "out.txt is unfinished, 1 texts are written. Go on with it with --resume" in err
    assert seq2seq(*command, "--resume")[0] == 0
    assert len(path.read_text().splitlines()) == 2
    code, _, err = seq2seq(*command, "--resume")
    assert code == 0
    assert "out.txt is finished" in err


def test_generate_refuses_a_window_of_nothing(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--window", "0")
    assert code == 1
    assert "window_texts: expected at least 1, found 0" in err


def test_generate_draws_by_the_seed(seq2seq, checkpoint):
    command = ("generate", checkpoint, "--text", "the cat", "--sampling", "--num-beams", "1", "--temperature", "2")
    texts = [seq2seq(*command, "--seed", seed)[1] for seed in ("1", "1", "2")]
    assert texts[0] == texts[1] != texts[2]


def test_generate_needs_text_or_input(seq2seq, checkpoint):
    code, _, err = seq2seq("generate", checkpoint)
    assert code == 1
    assert "Give either --text or --input" in err


def test_long_sources_are_counted(seq2seq, checkpoint):
    _, _, err = seq2seq("generate", checkpoint, "--text", "cat " * 40)
    assert "1 sources cut at 32 tokens" in err


def test_evaluate_writes_scores_and_predictions(seq2seq, checkpoint, pairs, tmp_path):
    output = tmp_path / "evaluation"
    code, out, _ = seq2seq("evaluate", checkpoint, "--data", pairs, "--output", output, "--metrics", "exact_match,sari")
    assert code == 0
    assert "references through the target tokenizer" in out
    scores = json.loads((output / "scores.json").read_text())
    assert scores["rows"]["copy of the source"]["exact_match"] == 50.0
    # The checkpoint knows no training targets: the references have 2 and 3 words, 2 in the mean.
    assert list(scores["rows"])[1:] == [
        "copy of the source", "first sentence of the source", "first 2 words of the source",
        "references through the target tokenizer",
    ]  # fmt: skip
    assert scores["intervals"]["copy of the source"]["exact_match"] == [0.0, 100.0]
    assert len((output / "predictions.jsonl").read_text().splitlines()) == 2


def test_score_prints_values_and_signatures(seq2seq, tmp_path):
    (tmp_path / "predictions.txt").write_text("a cat\na dog\n")
    (tmp_path / "references.txt").write_text("a cat\nA dog\n")
    arguments = ["score", "--predictions", tmp_path / "predictions.txt", "--references", tmp_path / "references.txt"]
    code, out, _ = seq2seq(*arguments, "--metrics", "exact_match,bleu")
    assert code == 0
    assert "50.0" in out
    assert "version:" in out  # sacrebleu's signature
    assert "100.0" in seq2seq(*arguments, "--metrics", "exact_match", "--normalization", "lowercase")[1]


def test_score_reads_the_references_of_a_predictions_file(seq2seq, tmp_path):
    path = tmp_path / "test.jsonl"
    path.write_text(json.dumps({"source": "a", "prediction": "c", "references": ["b", "c"]}) + "\n")
    code, out, _ = seq2seq("score", "--predictions", path, "--references", path, "--metrics", "exact_match")
    assert code == 0
    assert "100.0" in out


def write_predictions(path, predictions, references=("a cat", "a dog", "a bird"), sources=("x y", "a b", "c d")):
    columns = zip(sources, predictions, references, strict=True)
    lines = [
        json.dumps({"source": source, "prediction": text, "references": [row]}) + "\n" for source, text, row in columns
    ]
    path.write_text("".join(lines))
    return path


def test_spaces_behind_commas_are_no_part_of_a_name(seq2seq, checkpoint, pairs, tmp_path):
    path = write_predictions(tmp_path / "a.jsonl", ["A cat", "no", "no"])
    names = ("--metrics", "exact_match, sari", "--normalization", "lowercase, nfc")
    code, out, _ = seq2seq("score", "--predictions", path, "--references", path, *names)
    assert (code, "33.3" in out) == (0, True)
    code, out, _ = seq2seq("compare", path, path, *names)
    assert (code, "33.3" in out) == (0, True)
    evaluate = ("evaluate", checkpoint, "--data", pairs, "--output", tmp_path / "out")
    assert seq2seq(*evaluate, *names[:2])[0] == 0
    assert "metrics: name at least one of" in seq2seq(*evaluate, "--metrics", "")[2]


def test_files_to_score_must_be_utf8(seq2seq, tmp_path):
    (tmp_path / "good.txt").write_text("café\n", encoding="utf-8")
    (tmp_path / "bad.txt").write_text("café\n", encoding="latin-1")
    for predictions, references, sources in (("bad", "good", "good"), ("good", "bad", "good"), ("good", "good", "bad")):
        texts = ("--references", tmp_path / f"{references}.txt", "--sources", tmp_path / f"{sources}.txt")
        for command in (
            ("score", "--predictions", tmp_path / f"{predictions}.txt"),
            ("compare", tmp_path / "good.txt", tmp_path / f"{predictions}.txt"),
        ):
            code, _, err = seq2seq(*command, *texts, "--metrics", "sari")
            assert code == 1
            assert "bad.txt: 1 lines hold bytes that are not UTF-8. Save the file in UTF-8." in err


def test_empty_file_of_sources_is_not_taken_for_none(seq2seq, tmp_path):
    (tmp_path / "a.txt").write_text("a cat\n")
    (tmp_path / "empty.txt").write_text("")
    texts = ("--references", tmp_path / "a.txt", "--sources", tmp_path / "empty.txt")
    for command in (
        ("score", "--predictions", tmp_path / "a.txt"),
        ("compare", tmp_path / "a.txt", tmp_path / "a.txt"),
    ):
        code, _, err = seq2seq(*command, *texts, "--metrics", "sari")
        assert code == 1
        assert "found 0 sources, 1 predictions and 1 sets of references" in err


def test_score_shows_intervals_unless_told_not_to(seq2seq, tmp_path):
    path = write_predictions(tmp_path / "a.jsonl", ["a cat", "no", "no"])
    arguments = ["score", "--predictions", path, "--references", path, "--metrics", "exact_match,sari"]
    assert "[0.0, 100.0]" in seq2seq(*arguments)[1]
    assert "[" not in seq2seq(*arguments, "--no-intervals")[1].split("exact_match:")[0]


def test_compare_shows_the_paired_test(seq2seq, tmp_path):
    a = write_predictions(tmp_path / "a.jsonl", ["a cat", "a dog", "a bird"])
    b = write_predictions(tmp_path / "b.jsonl", ["a cat", "no", "no"])
    code, out, _ = seq2seq("compare", a, b, "--metrics", "exact_match,sari", "--trials", "999")
    assert code == 0
    row = next(line for line in out.splitlines() if line.startswith("│ exact_match"))
    cells = [cell.strip() for cell in row.strip("│ ").split("│")]
    assert cells[:4] == ["exact_match", "100.0", "33.3", "+66.7"]
    assert float(cells[5]) == pytest.approx(0.5, abs=0.06)  # both of two exchanged, or none of them
    assert "999 trials. Seed of both: 1." in out
    assert "sari: tensor2tensor's" in out


def test_compare_reads_plain_text_with_references_beside_it(seq2seq, tmp_path):
    for name, text in (("a", "a cat\nno\n"), ("b", "no\nno\n"), ("references", "a cat\na dog\n")):
        (tmp_path / f"{name}.txt").write_text(text)
    arguments = ["compare", tmp_path / "a.txt", tmp_path / "b.txt", "--metrics", "exact_match"]
    code, out, _ = seq2seq(*arguments, "--references", tmp_path / "references.txt")
    assert code == 0
    assert "+50.0" in out
    code, _, err = seq2seq(*arguments)
    assert code == 1
    assert "a.txt is plain text, which holds no references. Give a file of references." in err


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"references": ["a cat", "a dog", "a fish"]}, "b.jsonl has other references than"),
        ({"sources": ["x y", "a b", "e f"]}, "b.jsonl has other sources than"),
        ({"predictions": ["a"], "references": ["a cat"], "sources": ["x y"]}, "b.jsonl has other references than"),
    ],
)
def test_outputs_for_other_texts_are_not_compared(seq2seq, tmp_path, changes, message):
    a = write_predictions(tmp_path / "a.jsonl", ["a cat", "a dog", "a bird"])
    b = write_predictions(tmp_path / "b.jsonl", **({"predictions": ["a cat", "no", "no"]} | changes))
    code, _, err = seq2seq("compare", a, b, "--metrics", "exact_match")
    assert code == 1
    assert message in err
    assert "Only outputs for the same texts can be compared." in err


def test_compare_needs_a_trial(seq2seq, tmp_path):
    a = write_predictions(tmp_path / "a.jsonl", ["a cat", "a dog", "a bird"])
    code, _, err = seq2seq("compare", a, a, "--metrics", "exact_match", "--trials", "0")
    assert code == 1
    assert "Expected at least one trial, found 0." in err


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ("copied_words", "copied_words compares with the sources. Give a file of them too."),
        ("blue", "unknown metric 'blue'"),
    ],
)
def test_score_refuses_what_it_cannot_compute(seq2seq, tmp_path, metrics, message):
    (tmp_path / "a.txt").write_text("a cat\n")
    code, _, err = seq2seq(
        "score", "--predictions", tmp_path / "a.txt", "--references", tmp_path / "a.txt", "--metrics", metrics
    )
    assert code == 1
    assert message in err


def test_inspect_prints_everything_and_leaves_no_run_behind(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    code, out, _ = seq2seq("inspect", recipe, "--examples", "1", "--json", tmp_path / "figures.json")
    assert code == 0
    assert "source (5 tokens): [CLS] the cat sat [SEP]" in out
    assert "decoder input (3 tokens): [CLS] a cat\n" in out
    assert "labels (3 tokens): a cat [SEP]" in out
    assert "a dog ran" not in out
    assert "cross_attention" in out
    assert "updates on this machine" in out
    # The test file is the training file.
    assert "overlap: data.test: the sources of 2 of 2 rows (100.0%) stand in data.train too" in out
    assert not (tmp_path / "run").exists()
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["splits"]["train"]["examples"][0]["labels"] == ["a", "cat", "[SEP]"]
    assert figures["time"]["seconds_per_step"] > 0


def test_inspect_without_time_trains_nothing(seq2seq, tiny_bert, tmp_path, pairs, monkeypatch):
    monkeypatch.setattr("seq2seq.training.trainer.Trainer.update", None)
    code, out, _ = seq2seq("inspect", write_recipe(tmp_path, tiny_bert, pairs), "--no-time", "--examples", "0")
    assert code == 0
    assert "updates on this machine" not in out


def test_inspect_refuses_a_json_path_before_it_works(seq2seq, tmp_path):
    code, _, err = seq2seq("inspect", "missing.yaml", "--json", tmp_path)
    assert code == 1
    assert "cannot be written" in err


def test_plans_shows_the_papers_table(seq2seq):
    code, out, _ = seq2seq("plans")
    assert code == 0
    row = next(line for line in out.splitlines() if "bertshare" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "bertshare", "bert", "bert", "yes", "137.3 / 136", "23.4 / 23", "108.9 / 109", "28.4 / 26",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "missing.yaml"), "RecipeError: missing.yaml: there is no such recipe."),
        (("generate", "runs/none/at/all", "--text", "a"), "CheckpointError: runs/none/at/all does not exist"),
        (("report", "nowhere"), "CheckpointError: nowhere is no run folder: it has no recipe.yaml"),
    ],
)
def test_mistakes_show_as_one_message(seq2seq, arguments, message):
    code, out, err = seq2seq(*arguments)
    assert (code, out) == (1, "")
    assert message in err
    assert "Traceback" not in err


def test_markup_in_a_message_is_shown_as_it_is(seq2seq, tiny_bert, tmp_path, pairs):
    _, _, err = seq2seq("train", write_recipe(tmp_path, tiny_bert, pairs), "[red]=1")
    assert "RecipeError: '[red]=1': expected an override of the form key.path=value" in err


def test_module_form_is_the_same_command():
    result = subprocess.run([sys.executable, "-m", "seq2seq", "--help"], capture_output=True, text=True, check=True)
    assert "Usage: seq2seq" in result.stdout or "Usage: python -m seq2seq" in result.stdout
    assert "generate" in result.stdout


def test_output_that_cannot_be_written_is_found_before_any_work(seq2seq, checkpoint, tmp_path):
    (tmp_path / "file").write_text("")
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--output", tmp_path / "file" / "x.txt")
    assert code == 1
    assert "the folder cannot be made" in err
    code, _, err = seq2seq("evaluate", checkpoint, "--data", "missing.jsonl", "--output", tmp_path / "file")
    assert code == 1
    assert "the folder cannot be made" in err


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl.gz", "out.txt.gz"])
def test_output_formats_that_are_not_written_are_refused(seq2seq, checkpoint, tmp_path, name):
    code, _, err = seq2seq("generate", checkpoint, "--text", "a", "--output", tmp_path / name)
    assert code == 1
    assert "outputs are written as plain text or .jsonl" in err


def test_evaluate_refuses_an_unknown_metric(seq2seq, checkpoint, pairs, tmp_path):
    arguments = ["evaluate", checkpoint, "--data", pairs, "--output", tmp_path / "out", "--metrics", "blue"]
    code, _, err = seq2seq(*arguments)
    assert code == 1
    assert "metrics: unknown metric 'blue'" in err


def test_square_brackets_in_a_path_are_shown(seq2seq, tiny_bert, tmp_path, pairs):
    recipe = write_recipe(tmp_path, tiny_bert, pairs)
    code, out, err = seq2seq("train", recipe, f"output={tmp_path / 'run[' / 'b]'}")
    assert code == 0
    assert f"Run folder: {tmp_path / 'run[' / 'b]'}" in err
    assert f"{tmp_path / 'run[' / 'b]'}: 2 test pairs" in out.replace("\n", "")


def test_one_process_of_a_machine_speaks_for_all(seq2seq, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert seq2seq("train", "missing.yaml") == (1, "", "")


def test_commands_take_several_columns_and_a_header(seq2seq, checkpoint, tmp_path):
    (tmp_path / "data.tsv").write_text("the cat\tsat\ta cat\na dog\t\ta dog\n")
    header = ("--header", "first,second,whole")
    arguments = ["evaluate", checkpoint, "--data", tmp_path / "data.tsv", "--output", tmp_path / "out", *header]
    assert seq2seq(*arguments, "--source-column", "first, second", "--target-column", "whole")[0] == 0
    rows = [json.loads(line) for line in (tmp_path / "out/predictions.jsonl").read_text().splitlines()]
    assert [row["source"] for row in rows] == ["the cat sat", "a dog"]
    code, out, _ = seq2seq(
        "generate", checkpoint, "--input", tmp_path / "data.tsv", "--column", "first,second", *header
    )
    assert (code, out.splitlines()) == (0, [row["prediction"] for row in rows])


@pytest.mark.parametrize("option", ["--column", "--header"])
def test_columns_of_plain_text_are_refused(seq2seq, checkpoint, tmp_path, option):
    (tmp_path / "texts.txt").write_text("the cat\n")
    code, out, err = seq2seq("generate", checkpoint, "--input", tmp_path / "texts.txt", option, "first")
    assert (code, out) == (1, "")
    assert "texts.txt is plain text: columns and a header are for rows (.jsonl, .csv" in " ".join(err.split())


def test_evaluate_and_generate_expect_the_columns_the_run_was_trained_with(seq2seq, tiny_bert, tmp_path):
    path = tmp_path / "articles.jsonl"
    path.write_text(json.dumps({"article": "the cat sat", "highlights": "a cat"}) + "\n")
    data = {"train": str(path), "columns": {"source": "article", "target": "highlights"}}
    recipe = write_recipe(tmp_path, tiny_bert, path, data=data | {"max_source_tokens": 16, "max_target_tokens": 16})
    assert seq2seq("train", recipe)[0] == 0
    assert seq2seq("evaluate", tmp_path / "run", "--data", path, "--output", tmp_path / "evaluation")[0] == 0
    assert seq2seq("generate", tmp_path / "run", "--input", path)[0] == 0
    code, _, err = seq2seq("generate", tmp_path / "run", "--input", path, "--column", "text")
    assert code == 1
    assert "column 'text' is missing (found: 'article', 'highlights'). Name the column that holds the texts." in err


def test_score_shows_the_ceiling_of_a_checkpoints_tokenizer(seq2seq, checkpoint, tmp_path):
    (tmp_path / "a.txt").write_text("A Cat\na dog\n")  # the tokenizer is lower-cased: one of two comes back
    arguments = [
        "score",
        "--predictions",
        tmp_path / "a.txt",
        "--references",
        tmp_path / "a.txt",
        "--metrics",
        "exact_match",
    ]
    code, out, _ = seq2seq(*arguments, "--checkpoint", checkpoint)
    assert code == 0
    ceiling = next(line for line in out.splitlines() if "references through the target tokenizer" in line)
    assert ceiling.split("│")[2].strip() == "50.0"


def test_several_runs_are_reported_on_a_page(seq2seq, tmp_path):
    runs = [write_run(tmp_path / name).path for name in ("warm", "cold")]
    code, out, err = seq2seq("report", *runs, "--output", tmp_path / "compared", "--samples", "1")
    assert code == 0
    assert "2 test pairs" in out
    assert "p 1.000" in out  # the two are the same
    assert f"Written: {tmp_path / 'compared/README.md'}" in err
    assert not (runs[0] / "README.md").exists()
    assert seq2seq("report", *runs)[0] == 0
    assert not (runs[0] / "README.md").exists()


def test_run_reported_twice_is_refused(seq2seq, tmp_path):
    run = write_run(tmp_path / "run").path
    assert "run is named twice" in seq2seq("report", run, run)[2]


def test_comparison_replaces_no_page_of_another_kind(seq2seq, tmp_path):
    run = write_run(tmp_path / "run")
    run.card.write_text("# Mine")
    code, _, err = seq2seq("report", run.path, "--output", run.path)
    assert code == 1
    assert "README.md is there already and is no comparison of runs. Choose another output." in err
    assert run.card.read_text() == "# Mine"


def test_comparison_is_written_anew_where_one_stands(seq2seq, tmp_path):
    run = write_run(tmp_path / "run").path
    assert [seq2seq("report", run, "--output", tmp_path / "out")[0] for _ in range(2)] == [0, 0]


def test_report_that_cannot_be_written_names_the_file(seq2seq, tmp_path):
    run = write_run(tmp_path / "run")
    run.card.mkdir()
    code, _, err = seq2seq("report", run.path)
    assert code == 1
    assert "run/README.md cannot be written: Is a directory." in err
    with pytest.raises(DataError, match=r"run/README\.md cannot be written: Is a directory"):
        api.report(run.path)
    (tmp_path / "file").touch()
    assert "file/out: the folder cannot be made" in seq2seq("report", run.path, "--output", tmp_path / "file/out")[2]


def test_runs_compared_from_python_need_an_output(tmp_path):
    runs = [write_run(tmp_path / name).path for name in ("warm", "cold")]
    with pytest.raises(ScoringError, match="Found 2 runs and no output"):
        api.report(*runs)
    assert api.report(*runs, output=tmp_path / "compared") == tmp_path / "compared/README.md"


def test_export_writes_a_folder_that_generate_takes(seq2seq, checkpoint, tmp_path):
    pytest.importorskip("ctranslate2")
    code, _, err = seq2seq("export", checkpoint, "--output", tmp_path / "export", "--quantization", "int8")
    assert code == 0
    assert "Compared with the model on 64 texts: log-probabilities of tokens differ by at most" in err
    assert seq2seq("generate", tmp_path / "export", "--text", "the cat", "--engine", "ctranslate2")[0] == 0
    code, _, err = seq2seq("generate", tmp_path / "export", "--text", "the cat", "--engine", "transformers")
    assert code == 1
    assert "is for the engine ctranslate2, not transformers" in err
