#!/usr/bin/env bash
# Runs what must pass: sets up .venv where needed, then linter, type checker and pytest on two workers, with the
# arguments given (-n 0: no workers, as --pdb needs it).
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/setup.sh dev
.venv/bin/ruff check .
.venv/bin/ruff format --check .
.venv/bin/mypy
exec .venv/bin/python -m pytest -n 2 "$@"
