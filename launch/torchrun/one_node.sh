#!/usr/bin/env bash
# One process for each GPU of this machine: launch/torchrun/one_node.sh RECIPE.yaml [key.path=value ...] [--resume]
# PROCESSES=2 starts that many instead, on its processor where there is no GPU.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec "${PYTHON:-.venv/bin/python}" -m torch.distributed.run --standalone \
    --nproc-per-node "${PROCESSES:-gpu}" -m seq2seq train "$@"
