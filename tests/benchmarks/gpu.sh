#!/usr/bin/env bash
# What is to be known on the day a GPU is there, in less than 9 minutes: do the device's tests pass, how fast are
# training and writing, how much memory do they take, does a run go on bit for bit. No network, no data, no weights
# are needed.
#
#     tests/benchmarks/gpu.sh --output FOLDER           writes FOLDER/gpu.json and FOLDER/gpu.md, a table
#     tests/benchmarks/gpu.sh --cpu --size tiny --output FOLDER     tries the script itself, without a GPU
#
# The table ends what is printed. Paths are relative to the project's root, where both files go unless FOLDER is named.
#
# Each part has a time limit of its own, and the next one begins whatever became of it. PYTHON names the Python, else
# it is that of .venv, else python3; packages in PYTHONPATH are found. LIMIT_TIMES=4 gives each part four times as long.
# The exit status is 1 where a part failed or ran out of time, and 2 where nothing could begin.
set -uo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    [ -x .venv/bin/python ] && PYTHON=.venv/bin/python
fi
export PYTHONPATH="$PWD:$PWD/tests/benchmarks${PYTHONPATH:+:$PYTHONPATH}"
export PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 TRANSFORMERS_VERBOSITY=error
# Asks the driver, so that a process that only looks for a GPU can still be forked.
export PYTORCH_NVML_BASED_CUDA_CHECK=1
# One GPU: Seq2SeqTrainer would take all that it sees.
export CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES-0}"
CUDA_VISIBLE_DEVICES="${CUDA_VISIBLE_DEVICES%%,*}"
case " $* " in *" --cpu "*) CUDA_VISIBLE_DEVICES= ;; esac

"$PYTHON" tests/benchmarks/gpu.py check "$@" || exit 2
PARTS=$(mktemp -d)
trap 'rm -rf "$PARTS"' EXIT
result=0

run() { # NAME SECONDS COMMAND [ARGUMENT ...]
    local name=$1 limit=$(($2 * ${LIMIT_TIMES:-1})) begun=$SECONDS status
    shift 2
    echo "== $name, at most $limit s"
    # A process that outlives the part may hold its output open, so nobody waits for the end of that.
    timeout --kill-after=3 "$limit" "$PYTHON" tests/benchmarks/gpu.py "$@" --parts "$PARTS" \
        > >(tee "$PARTS/$name.log") 2>&1
    status=$?
    printf '{"part": "%s", "exit_status": %d, "seconds": %d, "limit_seconds": %d}\n' \
        "$name" "$status" "$((SECONDS - begun))" "$limit" >>"$PARTS/status.jsonl"
    [ "$status" -eq 0 ] || result=1
}

# 510 seconds together, and some to begin, to end what ran out of time, and to write the files. What matters least in a
# part comes last in it.
run tests 75 tests "$@"
run training_base 140 training base "$@"
run training_large 95 training large "$@"
run generation 80 generation "$@"
run memory 55 memory "$@"
run resume 65 resume "$@"

"$PYTHON" tests/benchmarks/gpu.py report --parts "$PARTS" "$@" || result=1
exit "$result"
