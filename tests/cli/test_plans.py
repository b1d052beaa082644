"""`seq2seq plans`: the table of parameter counts beside the paper's."""


def test_plans_shows_the_papers_table(seq2seq):
    code, out, _ = seq2seq("plans")
    assert code == 0
    row = next(line for line in out.splitlines() if "bertshare" in line)
    assert [cell.strip() for cell in row.strip("│ ").split("│")] == [
        "bertshare", "bert", "bert", "yes", "137.3 / 136", "23.4 / 23", "108.9 / 109", "28.4 / 26",
    ]  # fmt: skip
