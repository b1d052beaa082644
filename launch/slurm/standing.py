"""Prints how far a run has come: its newest checkpoint's step, when its record was last written, and how it ended.

python launch/slurm/standing.py runs/mine     ->     400 1763712000123456789 SIGUSR1
The end is `none` where the last line of progress.jsonl is no end; a run that has not begun gives `0 0 none`.
"""

import sys
from pathlib import Path

from seq2seq.run_folder.folder import RunFolder

folder = RunFolder(Path(sys.argv[1]))
written = folder.progress.stat().st_mtime_ns if folder.progress.exists() else 0
events = list(folder.read_progress())
step = max((event["step"] for event in events if event["event"] == "checkpoint"), default=0)
print(step, written, events[-1]["reason"] if events and events[-1]["event"] == "end" else "none")
