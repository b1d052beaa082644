#!/usr/bin/env bash
# Sets up .venv where needed, then trains the quickstart twice, warm-started and from a random start, and compares them.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/setup.sh ""
seq2seq=.venv/bin/seq2seq
"$seq2seq" train recipes/quickstart.yaml --resume
"$seq2seq" train recipes/quickstart.yaml --resume model.plan=rnd2rnd output=runs/quickstart_random
"$seq2seq" report runs/quickstart runs/quickstart_random
