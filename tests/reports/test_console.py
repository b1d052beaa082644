"""Progress where there is no terminal, and tables that keep their columns there."""

from seq2seq.reports.console import build_table, errors, output, show_progress


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


def test_texts_are_printed_as_they_are(capsys):
    text = "at 12:30 :smile: :x: [bold]b[/bold]"
    output().print(text)
    assert capsys.readouterr().out == f"{text}\n"
