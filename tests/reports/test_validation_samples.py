from rich.cells import cell_len

from seq2seq.reports.validation_samples import ValidationSample


def test_lines_name_source_reference_and_output():
    sample = ValidationSample("Ein Hund.", "A dog.", "")
    assert sample.format_lines() == ["  source     Ein Hund.", "  reference  A dog.", "  output"]
    assert sample.to_row() == {"source": "Ein Hund.", "reference": "A dog.", "output": ""}


def test_lines_fit_a_narrow_terminal_whatever_the_width_of_their_characters():
    lines = ValidationSample("word " * 40, "今天" * 40, "a\nb\x1b[1m\u202ec" * 20).format_lines()
    assert [cell_len(line) <= 80 for line in lines] == [True] * 3
    assert all(line.endswith("…") for line in lines)
    assert lines[2].startswith("  output     a ⏎ b\ufffd[1m\ufffdc")
