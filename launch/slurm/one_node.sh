#!/usr/bin/env bash
# Four GPUs of one node: sbatch launch/slurm/one_node.sh RECIPE.yaml [key.path=value ...]
# sbatch's own options go before the script and over those here: sbatch --time=4:00:00 --partition=gpu launch/slurm/...
#SBATCH --job-name=seq2seq
#SBATCH --nodes=1
#SBATCH --ntasks-per-node=4
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=8
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%x-%j.out
set -euo pipefail
source launch/slurm/train.sh
