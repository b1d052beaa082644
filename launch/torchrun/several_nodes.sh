#!/usr/bin/env bash
# The same command on every machine; the run folder and the data lie on a file system that all of them see:
#   NODES=2 MAIN_NODE=first-machine:29500 launch/torchrun/several_nodes.sh RECIPE.yaml [key.path=value ...] [--resume]
# PROCESSES is how many each machine starts: one for each of its GPUs, if left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${NODES:?Set NODES to the number of machines.}" "${MAIN_NODE:?Set MAIN_NODE to HOST:PORT of one of the machines.}"
exec "${PYTHON:-.venv/bin/python}" -m torch.distributed.run --nnodes "$NODES" --nproc-per-node "${PROCESSES:-gpu}" \
    --rdzv-backend c10d --rdzv-endpoint "$MAIN_NODE" --rdzv-id seq2seq -m seq2seq train "$@"
