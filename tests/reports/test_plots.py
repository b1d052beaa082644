"""Pictures of the losses of runs."""

from matplotlib.image import imread

from seq2seq.reports.plots import plot_losses
from seq2seq.reports.run_folder import RunFolder


def test_losses_are_drawn_as_a_picture_with_a_colour_a_run(tmp_path):
    runs = []
    for name, loss in (("warm", 1.0), ("cold", 3.0)):
        run = RunFolder(tmp_path / name)
        run.path.mkdir()
        for step in (1, 2, 3):
            run.append_progress({"event": "train", "step": step, "loss": loss / step})
        run.append_progress({"event": "validation", "step": 3, "loss": loss})
        runs.append(run)
    plot_losses(runs, tmp_path / "pictures" / "losses.png")
    picture = imread(tmp_path / "pictures" / "losses.png")[..., :3]
    colours = {tuple(colour) for colour in (picture.reshape(-1, 3) * 255).round().astype(int).tolist()}
    assert {(31, 119, 180), (255, 127, 14)} <= colours  # matplotlib's first two
