"""Progress on a terminal and where there is none, and tables that keep their columns there."""

import io
import re
import sys

from seq2seq.base.console import build_fitting_table, build_table, errors, output, show_progress


def test_progress_is_plain_lines_without_a_terminal(capsys):
    with show_progress("training", 10, done=2) as bar:
        bar.advance(3)
        bar.note("loss 1.5")
    captured = capsys.readouterr()
    assert captured.err == "training 5/10  loss 1.5\n"
    assert captured.out == ""


def test_invisible_progress_prints_nothing(capsys):
    with show_progress("training", 10, visible=False) as bar:
        bar.advance()
        bar.note("loss 1.5")
    assert capsys.readouterr().err == ""


def test_tables_have_room_and_lines_are_left_whole(capsys):
    output().print(build_table("Title", ["a", "b"], [["x" * 60, "1"]]))
    errors().print("y" * 300)
    captured = capsys.readouterr()
    assert "x" * 60 in captured.out
    assert captured.err == "y" * 300 + "\n"


def test_table_is_turned_where_its_columns_do_not_fit(capsys):
    header = ["run", *(f"column_{index}" for index in range(20))]
    output().print(build_fitting_table("Title", header, [["a", *["1.00"] * 20], ["b", *["2.00"] * 20]]))
    shown = capsys.readouterr().out
    cells = [
        [cell.strip() for cell in line.strip("┃│ ").split("┃" if "┃" in line else "│")] for line in shown.splitlines()
    ]
    assert ["run", "a", "b"] in cells
    assert all([name, "1.00", "2.00"] in cells for name in header[1:])


def test_table_is_left_as_it_is_where_turning_it_would_make_it_wider(capsys):
    table = build_fitting_table("Title", ["name", "figure"], [["x" * 50, "1"]] * 9)
    assert [str(column.header) for column in table.columns] == ["name", "figure"]
    table = build_fitting_table("Title", ["name", "figure"], [["x" * 200, "1"]] * 9)
    assert [str(column.header) for column in table.columns] == ["name", "figure"]


def test_texts_are_printed_as_they_are(capsys):
    text = "at 12:30 :smile: :x: [bold]b[/bold]"
    output().print(text)
    assert capsys.readouterr().out == f"{text}\n"


def test_what_is_told_stays_above_the_bar_of_a_terminal(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with show_progress("training", 10) as bar:
        bar.advance(5)
        bar.tell("validation loss 2.557")
        bar.note("loss 1.5")
        bar.note("loss 1.4")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    # With a line break behind it: the bar is drawn below from then on.
    assert re.search(r"\rtraining 5/10  validation loss 2\.557 *\n", shown)
    assert not re.search(r"loss 1\.[45] *\n.*\n", shown)


def test_table_is_turned_where_a_given_width_asks_for_it(capsys):
    header = ["run", *(f"column_{index}" for index in range(7))]
    rows = [["a", *["1.00"] * 7]]
    assert len(build_fitting_table("Title", header, rows).columns) == 8
    output().print(build_fitting_table("Title", header, rows, width=80))
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80
