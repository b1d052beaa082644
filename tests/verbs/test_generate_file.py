"""Outputs for files: every line once and in order, whatever the windows, the processes, and however often killed."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest

import seq2seq
from seq2seq.base.errors import DataError, GenerationError
from seq2seq.checkpoints.folder import write_checkpoint
from seq2seq.generation.generator import Generator
from seq2seq.generation.outputs import OutputFile
from seq2seq.warmstart.start import WarmStart
from tests.conftest import build_description, shake
from tests.training.fork_server import launch_in_forks
from tests.training.runs import write_recipe

WORDS = "the a cat dog bird fish sat ran flew swam and but on mat road tree sea big small red".split()


def write(started: WarmStart, folder: Path) -> Path:
    write_checkpoint(
        folder, started.model, started.tokenizers, build_description(started, num_beams=2, no_repeat_ngram_size=1)
    )
    return folder


@pytest.fixture(scope="module")
def checkpoint(tiny_bert, tmp_path_factory) -> Path:
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    shake(started.model)
    return write(started, tmp_path_factory.mktemp("checkpoint") / "ckpt")


@pytest.fixture(scope="module")
def texts() -> list[str]:
    draw = random.Random(1)
    drawn = [" ".join(draw.choices(WORDS, k=draw.randint(1, 9))) for _ in range(20)]
    return [*drawn[:7], "", *drawn[7:], "cat " * 40]


@pytest.fixture
def source(texts, tmp_path) -> str:
    (tmp_path / "in.txt").write_text("".join(f"{text}\n" for text in texts), newline="\n")
    return str(tmp_path / "in.txt")


@pytest.fixture(scope="module")
def expected(checkpoint, texts) -> str:
    """The file, written text by text."""
    generator = seq2seq.load_generator(checkpoint)
    return "".join(f"{generator.generate([text]).texts[0]}\n" for text in texts)


@pytest.mark.parametrize("window", [1, 4, 1024])
def test_windows_make_no_difference(checkpoint, source, expected, tmp_path, window):
    progress = seq2seq.generate_file(checkpoint, source, tmp_path / "out.txt", window_texts=window)
    assert (tmp_path / "out.txt").read_text() == expected
    assert (progress.texts, progress.counts) == (22, {"empty": 1, "truncated": 1, "replaced": 0, "joined": 0})
    assert len(set(expected.split("\n"))) > 10


def test_draws_do_not_depend_on_the_windows(checkpoint, source, tmp_path):
    options = {"sampling": True, "num_beams": 1, "seed": 3}
    for window in (1, 4, 1024):
        seq2seq.generate_file(checkpoint, source, tmp_path / f"{window}.txt", window_texts=window, **options)
    assert (tmp_path / "1.txt").read_text() == (tmp_path / "4.txt").read_text() == (tmp_path / "1024.txt").read_text()


def kill(monkeypatch, window: int, point: str) -> None:
    """Lets the process die at a window: before its lines are written, when half of them are, or when all of them are,
    but nothing beside says so."""
    calls = iter(range(100))
    append, record = OutputFile.append, OutputFile._record

    def die_in_lines(self, lines, progress):
        if next(calls) != window:
            return append(self, lines, progress)
        if point == "half":
            with self.path.open("a") as file:
                file.write(lines[: len(lines) // 2])
        raise KeyboardInterrupt

    def die_in_record(self, progress):
        if progress.texts and next(calls) == window:
            raise KeyboardInterrupt
        record(self, progress)

    if point == "all":
        monkeypatch.setattr(OutputFile, "_record", die_in_record)
    else:
        monkeypatch.setattr(OutputFile, "append", die_in_lines)


@pytest.mark.parametrize("point", ["none", "half", "all"])
@pytest.mark.parametrize("window", [0, 1, 5])
def test_killed_run_goes_on_and_ends_with_the_same_file(checkpoint, source, expected, tmp_path, window, point):
    out = tmp_path / "out.txt"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill(patch, window, point)
        seq2seq.generate_file(checkpoint, source, out, window_texts=4)
    generated = []
    with pytest.MonkeyPatch.context() as patch:
        generate = Generator.generate
        patch.setattr(
            Generator,
            "generate",
            lambda self, texts, *a, **k: generated.extend(texts) or generate(self, texts, *a, **k),
        )
        progress = seq2seq.generate_file(checkpoint, source, out, window_texts=4, resume=True)
    assert out.read_text() == expected
    assert (progress.texts, progress.counts) == (22, {"empty": 1, "truncated": 1, "replaced": 0, "joined": 0})
    assert len(generated) == 22 - 4 * window
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.txt", "out.txt"]


def test_finished_file_is_left_as_it_is(checkpoint, source, expected, tmp_path, capsys):
    seq2seq.generate_file(checkpoint, source, tmp_path / "out.txt")
    assert seq2seq.generate_file(checkpoint, source, tmp_path / "out.txt", resume=True) is None
    assert "out.txt is finished" in capsys.readouterr().err
    assert (tmp_path / "out.txt").read_text() == expected


@pytest.fixture
def half(checkpoint, source, tmp_path):
    """The path of a file killed behind its first 8 lines."""
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill(patch, 2, "none")
        seq2seq.generate_file(checkpoint, source, tmp_path / "out.txt", window_texts=4)
    return tmp_path / "out.txt"


def test_file_is_not_gone_on_with_for_other_texts(checkpoint, half, tmp_path):
    with pytest.raises(DataError, match="The first 8 texts of the input are others"):
        seq2seq.generate_file(checkpoint, ["a"] * 22, half, resume=True)
    with pytest.raises(DataError, match="The input has 3 texts, but 8 outputs are written"):
        seq2seq.generate_file(checkpoint, ["a"] * 3, half, resume=True)


def test_file_is_not_gone_on_with_by_other_weights_or_options(checkpoint, half, source, started, tmp_path):
    with pytest.raises(DataError, match="was begun with num_beams 2, found 1"):
        seq2seq.generate_file(checkpoint, source, half, resume=True, num_beams=1)
    shake(started.model, seed=1)
    with pytest.raises(DataError, match="was begun with weights"):
        seq2seq.generate_file(write(started, tmp_path / "other"), source, half, resume=True)


def test_smaller_batches_may_go_on(checkpoint, half, source, expected):
    seq2seq.generate_file(checkpoint, source, half, resume=True, batch_tokens=64)
    assert half.read_text() == expected


def test_jsonl_is_resumed_too(checkpoint, source, texts, tmp_path):
    options = {"num_outputs": 2, "scores": True, "window_texts": 4}
    seq2seq.generate_file(checkpoint, source, tmp_path / "whole.jsonl", **options)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        kill(patch, 3, "half")
        seq2seq.generate_file(checkpoint, source, tmp_path / "killed.jsonl", **options)
    seq2seq.generate_file(checkpoint, source, tmp_path / "killed.jsonl", **options, resume=True)
    assert (tmp_path / "killed.jsonl").read_text() == (tmp_path / "whole.jsonl").read_text()
    rows = [json.loads(line) for line in (tmp_path / "whole.jsonl").read_text().split("\n")[:-1]]
    assert [row["source"] for row in rows] == texts
    assert all(len(row["predictions"]) == len(row["scores"]) == 2 for row in rows if row["source"])


def test_broken_row_leaves_what_was_written_and_the_mended_file_goes_on(checkpoint, texts, expected, tmp_path):
    rows = [json.dumps({"source": text}) for text in texts]
    (tmp_path / "in.jsonl").write_text("\n".join([*rows[:9], "{", *rows[10:]]))
    with pytest.raises(DataError, match=r"in\.jsonl line 10: not valid JSON"):
        seq2seq.generate_file(checkpoint, str(tmp_path / "in.jsonl"), tmp_path / "out.txt", window_texts=4)
    assert (tmp_path / "out.txt").read_text() == "".join(expected.splitlines(keepends=True)[:8])
    (tmp_path / "in.jsonl").write_text("\n".join(rows))
    seq2seq.generate_file(checkpoint, str(tmp_path / "in.jsonl"), tmp_path / "out.txt", window_texts=4, resume=True)
    assert (tmp_path / "out.txt").read_text() == expected


def test_strict_refuses_what_would_be_cut_by_its_place(checkpoint, source, tmp_path):
    with pytest.raises(GenerationError, match=r"in\.txt line 22 has 42 tokens with its marks, max_source_tokens is 32"):
        seq2seq.generate_file(checkpoint, source, tmp_path / "out.txt", strict=True, window_texts=4)
    assert (tmp_path / "out.txt").read_text().count("\n") == 20


def test_strict_refuses_what_is_no_text(checkpoint, tmp_path):
    (tmp_path / "in.txt").write_bytes(b"a cat\n\xff\n")
    with pytest.raises(GenerationError, match=r"in\.txt line 2 holds what is no text"):
        seq2seq.generate_file(checkpoint, str(tmp_path / "in.txt"), tmp_path / "out.txt", strict=True)


@pytest.mark.parametrize("name", ["in.txt", "link.txt"])
def test_input_is_not_overwritten_by_its_outputs(checkpoint, source, tmp_path, name):
    (tmp_path / "link.txt").symlink_to(source)
    content = (tmp_path / "in.txt").read_text()
    for resume in (False, True):
        with pytest.raises(DataError, match=f"{name} is the input itself and would be overwritten"):
            seq2seq.generate_file(checkpoint, source, tmp_path / name, resume=resume)
    assert (tmp_path / "in.txt").read_text() == content


def test_input_may_be_a_path(checkpoint, source, expected, tmp_path):
    seq2seq.generate_file(checkpoint, tmp_path / "in.txt", tmp_path / "out.txt")
    assert (tmp_path / "out.txt").read_text() == expected


def test_entry_that_is_no_text_is_named(checkpoint, tmp_path):
    with pytest.raises(GenerationError, match="Text 1: expected a string, found NoneType"):
        seq2seq.generate_file(checkpoint, ["a", None], tmp_path / "out.txt")


def test_file_is_not_gone_on_with_in_another_language(checkpoint, half, source):
    loaded = seq2seq.load_checkpoint(checkpoint)
    other = replace(loaded, framing=replace(loaded.framing, target_prefix=(7,)))
    with pytest.raises(DataError, match="was begun with framing"):
        seq2seq.generate_file(other, source, half, resume=True)


def test_input_is_read_a_window_at_a_time(checkpoint, tmp_path):
    read = []

    def endless():
        while True:
            read.append(len(read))
            if len(read) > 9:
                raise KeyboardInterrupt
            yield "a cat"

    with pytest.raises(KeyboardInterrupt):
        seq2seq.generate_file(checkpoint, endless(), tmp_path / "out.txt", window_texts=3)
    assert (tmp_path / "out.txt").read_text().count("\n") == 9


def test_two_processes_write_the_file_of_one(checkpoint, source, expected, tmp_path):
    out = tmp_path / "out.txt"
    result = launch_in_forks(
        2, "seq2seq", "generate", str(checkpoint), "--input", source, "--output", str(out), "--window", "4"
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert out.read_text() == expected
    assert result.stderr.count("1 sources cut at 32 tokens") == 1


def test_two_processes_write_one_file_after_the_other(checkpoint, source, expected, tmp_path):
    outputs = [tmp_path / "1.txt", tmp_path / "2.txt"]
    result = launch_in_forks(2, "tests.processes.two_files", str(checkpoint), source, *map(str, outputs))
    assert result.returncode == 0, result.stderr[-2000:]
    assert [output.read_text() for output in outputs] == [expected, expected]


def test_two_processes_write_files_after_a_training_as_one_does(tiny_bert, source, tmp_path):
    recipe, outputs = write_recipe(tmp_path, tiny_bert, "run", max_steps=1), [tmp_path / "1.txt", tmp_path / "2.txt"]
    result = launch_in_forks(2, "tests.processes.two_files", str(recipe), source, *map(str, outputs))
    assert result.returncode == 0, result.stderr[-2000:]
    seq2seq.generate_file(tmp_path / "run", source, tmp_path / "one.txt")
    assert {output.read_text() for output in outputs} == {(tmp_path / "one.txt").read_text()}


def test_two_processes_share_a_text_fewer_than_they_are(checkpoint, tmp_path):
    for processes, name in ((1, "one.jsonl"), (2, "two.jsonl")):
        arguments = ("--text", "the cat", "--scores", "--output", str(tmp_path / name))
        result = launch_in_forks(processes, "seq2seq", "generate", str(checkpoint), *arguments)
        assert result.returncode == 0, result.stderr[-2000:]
    one, two = (json.loads((tmp_path / name).read_text()) for name in ("one.jsonl", "two.jsonl"))
    assert one == two and one["score"] < 0


def test_error_of_the_reading_process_stops_both(checkpoint, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"source": "a"}\n{\n')
    result = launch_in_forks(
        2,
        "seq2seq",
        "generate",
        str(checkpoint),
        "--input",
        str(tmp_path / "in.jsonl"),
        "--output",
        str(tmp_path / "o"),
    )
    assert result.returncode == 1
    assert "in.jsonl line 2: not valid JSON" in result.stderr


def test_killed_run_of_two_processes_goes_on_with_one(checkpoint, half, source, expected):
    result = launch_in_forks(
        2, "seq2seq", "generate", str(checkpoint), "--input", source, "--output", str(half), "--resume"
    )
    assert result.returncode == 0, result.stderr[-2000:]
    assert half.read_text() == expected


def test_two_processes_evaluate_as_one(checkpoint, texts, tmp_path):
    rows = [json.dumps({"source": text, "target": "a cat"}) for text in texts if text]
    (tmp_path / "data.jsonl").write_text("\n".join(rows))
    for processes in (1, 2):
        arguments = ("--data", str(tmp_path / "data.jsonl"), "--output", str(tmp_path / f"{processes}"))
        result = launch_in_forks(processes, "seq2seq", "evaluate", str(checkpoint), *arguments)
        assert result.returncode == 0, result.stderr[-2000:]
        assert result.stdout.count("copy of the source") == 1
    for name in ("predictions.jsonl", "scores.json"):
        assert (tmp_path / "1" / name).read_text() == (tmp_path / "2" / name).read_text()
