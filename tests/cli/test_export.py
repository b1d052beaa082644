"""`seq2seq export`: a folder that `seq2seq generate` takes."""

import pytest


def test_export_writes_a_folder_that_generate_takes(seq2seq, checkpoint, tmp_path):
    pytest.importorskip("ctranslate2")
    code, _, err = seq2seq("export", checkpoint, "--output", tmp_path / "export", "--quantization", "int8")
    assert code == 0
    assert "Compared with the model on 64 texts: log-probabilities of tokens differ by at most" in err
    assert seq2seq("generate", tmp_path / "export", "--text", "the cat", "--engine", "ctranslate2")[0] == 0
    code, _, err = seq2seq("generate", tmp_path / "export", "--text", "the cat", "--engine", "transformers")
    assert code == 1
    assert "is for the engine ctranslate2, not transformers" in err


def test_pairs_that_were_truncated_for_the_comparison_are_told(seq2seq, checkpoint, tmp_path):
    data = tmp_path / "pairs.tsv"
    rows = ["source\ttarget", "the cat\ta dog", "the cat " * 60 + "\ta dog", "the cat\t" + "a dog " * 60]
    data.write_text("\n".join(rows) + "\n", encoding="utf-8")
    code, _, err = seq2seq(
        "export", checkpoint, "--output", tmp_path / "export", "--format", "transformers", "--data", data
    )
    assert code == 0
    assert "Compared with the model on 3 texts" in err
    assert "Of the pairs that it was compared on, 2 had a text beyond the checkpoint's limits" in err
