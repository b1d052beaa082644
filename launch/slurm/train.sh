# Trains by a recipe in a SLURM job and requeues the job where the run has not come to its end. Sourced by the scripts
# beside it, which SLURM runs as copies, in the folder where sbatch was typed: the project's root.

python="${PYTHON:-.venv/bin/python}"
run="$("$python" launch/slurm/find_run.py "$@")"
before="$("$python" launch/slurm/standing.py "$run")"
read -r step_before written_before _ <<< "$before"

nodes="$(scontrol show hostnames "$SLURM_JOB_NODELIST")"
export MASTER_ADDR="${nodes%%$'\n'*}" MASTER_PORT="$((20000 + SLURM_JOB_ID % 10000))"
export OMP_NUM_THREADS="$SLURM_CPUS_PER_TASK" SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"

# A task is a process of the run: torchrun in between would die of the signal that tells the run to save. A process that
# has ended leaves the others ten minutes for what they still write, before srun ends them: one may have crashed.
trap : TERM USR1 # the tasks get these too; this shell must outlive them
status=0
# shellcheck disable=SC2016 # these variables are each task's own
srun --distribution=block --kill-on-bad-exit=0 --wait=600 bash -c \
    'export RANK="$SLURM_PROCID" LOCAL_RANK="$SLURM_LOCALID" WORLD_SIZE="$SLURM_NTASKS"; exec "$@"' \
    task "$python" -m seq2seq train "$@" --resume || status=$?

after="$("$python" launch/slurm/standing.py "$run")"
read -r step written ending <<< "$after"
restarts="${SLURM_RESTART_COUNT:-0}"
if [ "$written" != "$written_before" ] && [[ "$ending" == SIG* ]]; then
    why="the run saved step $step and stopped on $ending"
elif [[ "$status" == 138 || "$status" == 143 ]] && [ "$restarts" -lt 20 ]; then
    why="the time was up outside the training steps (exit status $status is a signal's)"
elif [ "$status" -ne 0 ] && [ "$ending" = none ] && [ "$step" -gt "$step_before" ] && [ "$restarts" -lt 20 ]; then
    why="the run broke off with exit status $status, but had come from step $step_before to step $step"
else
    echo "Not requeued: the run stands at step $step, its end: $ending, exit status $status, restarts: $restarts." >&2
    exit "$status"
fi
# Of a job that was cancelled, or that SLURM requeues itself, SLURM no longer says RUNNING.
state="$(squeue --noheader --jobs "$SLURM_JOB_ID" --format %T)"
if [ "$state" != RUNNING ]; then
    echo "Not requeued: $why, but SLURM has the job as $state." >&2
    exit "$status"
fi
echo "Requeued: $why." >&2
scontrol requeue "$SLURM_JOB_ID"
