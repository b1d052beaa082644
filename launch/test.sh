#!/usr/bin/env bash
# Runs the test suite in a fresh clone: sets up .venv where needed, then pytest on two workers, with the arguments
# given (-n 0: no workers, as --pdb needs it).
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/setup.sh dev
.venv/bin/ruff check .
.venv/bin/ruff format --check .
exec .venv/bin/python -m pytest -n 2 "$@"
