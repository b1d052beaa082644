"""The rate of a window, and the warning where it has fallen far."""

from seq2seq.training.speed import Speedometer


def test_rate_is_that_of_the_last_window():
    speedometer = Speedometer(tokens=1000, seconds=50.0)  # a run that goes on
    assert speedometer.measure(1200, 52.0) == 100.0
    assert speedometer.measure(1210, 54.0) == 5.0


def test_run_ten_times_slower_than_its_first_windows_is_told_once():
    speedometer = Speedometer(0, 0.0)
    rates = [speedometer.measure(tokens, seconds) for tokens, seconds in [(100, 2.0), (300, 3.0), (400, 4.0)]]
    assert rates == [50.0, 200.0, 100.0]
    assert [speedometer.find_warning(rate) for rate in (50.0, 20.0)] == [None, None]  # a quarter, and a tenth just so
    told = speedometer.find_warning(19.0)
    assert told.startswith("The run has become 11 times slower than its first steps (200 tokens/s, now 19).")
    assert speedometer.find_warning(1.0) is None


def test_later_windows_do_not_raise_what_the_first_ones_showed():
    speedometer = Speedometer(0, 0.0)
    for tokens in (10, 20, 30, 3000):
        rate = speedometer.measure(tokens, tokens / 10 if tokens <= 30 else 3.1)
    assert rate > 1000
    assert speedometer.find_warning(5.0) is None  # half of the first windows'
