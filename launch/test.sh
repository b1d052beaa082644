#!/usr/bin/env bash
# Runs the test suite in a fresh clone: sets up .venv where needed, then pytest with the arguments given.
set -euo pipefail
cd "$(dirname "$0")/.."
source launch/setup.sh dev
.venv/bin/ruff check .
.venv/bin/ruff format --check .
exec .venv/bin/python -m pytest "$@"
