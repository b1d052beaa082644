"""An engine from outside goes the whole way: export with its proof of equality, loading, texts, scores, commands."""

import json

import pytest

import seq2seq
from seq2seq.base.errors import CheckpointError, ExportError, GenerationError
from seq2seq.checkpoints.folder import write_checkpoint
from tests.cli.conftest import seq2seq as command  # noqa: F401 - a fixture
from tests.conftest import build_description, shake
from tests.extensions.engine import LoopEngine

ENGINE = "tests.extensions.engine:LoopEngine"
TEXTS = ["the cat sat", "a dog ran and swam", "", "red fish"]


class NoExport(LoopEngine):
    """Writes no folders."""

    @classmethod
    def export(cls, *arguments):
        seq2seq.Engine.export.__func__(cls, *arguments)


class Wrong(LoopEngine):
    """Scores other than its model."""

    def score(self, sources, labels, advance=lambda pairs: None):
        return [[score - 1 for score in target] for target in super().score(sources, labels)]


@pytest.fixture(scope="module")
def checkpoint(tiny_bert, tmp_path_factory):
    started = seq2seq.warm_start(plan="bert2bert", encoder=str(tiny_bert))
    shake(started.model)
    folder = tmp_path_factory.mktemp("checkpoint") / "ckpt"
    description = build_description(started, num_beams=1, max_target_tokens=6)
    write_checkpoint(folder, started.model, started.tokenizers, description)
    return folder


@pytest.fixture(scope="module")
def exported(checkpoint, tmp_path_factory):
    return seq2seq.export(checkpoint, output=tmp_path_factory.mktemp("export") / "loop", format=ENGINE)


def test_export_is_compared_with_its_model(exported):
    equality = exported.equality
    assert (equality.texts, equality.equal, equality.largest_difference) == (64, 64, 0.0)
    assert equality.equal_beams is None  # it has none


def test_folder_is_generated_with_by_its_engine(exported, checkpoint):
    generator = seq2seq.load_generator(exported.folder)
    assert isinstance(generator.engine, LoopEngine)
    assert generator.generate(TEXTS).texts == seq2seq.generate(checkpoint, TEXTS)
    assert seq2seq.generate(exported.folder, TEXTS, target_prefix="a dog") == seq2seq.generate(
        checkpoint, TEXTS, target_prefix="a dog"
    )


def test_outputs_have_their_scores(exported, checkpoint, tmp_path):
    for folder, name in ((exported.folder, "loop"), (checkpoint, "own")):
        seq2seq.generate_file(folder, TEXTS, tmp_path / f"{name}.jsonl", scores=True)
    loop, own = (
        [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()] for name in ("loop", "own")
    )
    assert [row["prediction"] for row in loop] == [row["prediction"] for row in own]
    assert [row.get("score") for row in loop] == pytest.approx([row.get("score") for row in own], abs=1e-4)


def test_commands_take_it(command, checkpoint, tmp_path):  # noqa: F811
    code, _, err = command("export", checkpoint, "--format", ENGINE, "--output", tmp_path / "out")
    assert (code, "has no beams" in err) == (0, True)
    code, out, _ = command("generate", tmp_path / "out", "--text", "the cat sat", "--engine", ENGINE)
    assert (code, out) == (0, seq2seq.generate(checkpoint, ["the cat sat"])[0] + "\n")


def test_option_beyond_it_is_refused(exported):
    with pytest.raises(GenerationError, match="the loop is greedy"):
        seq2seq.generate(exported.folder, TEXTS, num_beams=2)


def test_export_is_no_checkpoint_to_go_on_with(exported):
    with pytest.raises(CheckpointError, match=f"is an export for {ENGINE}, to generate with"):
        seq2seq.load_checkpoint(exported.folder)


def test_export_that_is_not_the_model_is_not_kept(checkpoint, tmp_path):
    with pytest.raises(ExportError, match="the log-probability of a token differs by 1"):
        seq2seq.export(checkpoint, output=tmp_path / "wrong", format=f"{__name__}:Wrong")
    assert not (tmp_path / "wrong").exists()


def test_engine_that_cannot_load_the_folder_is_refused(checkpoint):
    with pytest.raises(GenerationError, match=f"is for the engine transformers, not {ENGINE}. Export it first"):
        seq2seq.load_model(checkpoint, ENGINE)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (f"{__name__}:NoExport", "NoExport has no format of its own to write"),
        (
            "tensorrt",
            "engine: 'tensorrt' is unknown. Expected one of transformers, ctranslate2, or package.module:OBJECT",
        ),
        ("json:loads", "engine: json:loads is a function, expected a class derived from seq2seq.Engine"),
        ("json:JSONDecoder", "engine: json:JSONDecoder is JSONDecoder, expected a class derived from seq2seq.Engine"),
        ("json:ENGINE", "engine: module 'json' has no 'ENGINE'"),
    ],
)
def test_name_that_leads_to_no_engine_is_refused(checkpoint, tmp_path, name, message):
    with pytest.raises((ExportError, GenerationError), match=message):
        seq2seq.export(checkpoint, output=tmp_path / "out", format=name)


def test_export_whose_format_is_not_named_is_refused(exported):
    (exported.folder / "export.json").write_text("{}")
    with pytest.raises(GenerationError, match=r"export\.json does not name its format"):
        seq2seq.generate(exported.folder, TEXTS)
