"""`seq2seq compare`: the paired test of two systems' outputs, for the same texts only."""

import pytest

from tests.cli.small_files import write_predictions


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
    assert "trials: input should be greater than or equal to 1 (found: 0)." in err
