"""Windows of a stream of texts."""

from seq2seq.generation.windows import break_windows


def test_windows_are_of_so_many_texts_or_characters(monkeypatch):
    assert list(break_windows("abcde", 2)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(break_windows([], 2)) == []
    monkeypatch.setattr("seq2seq.generation.windows.WINDOW_CHARACTERS", 4)
    assert list(break_windows(["abcdef", "a", "b", "cd", "e"], 3)) == [["abcdef"], ["a", "b", "cd"], ["e"]]
