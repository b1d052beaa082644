# Makes .venv and installs the project into it; sourced by the other scripts, with the extras to install as argument.
# Exact versions come from constraints.txt. A second call with the same files and extras does nothing.

extras="${1:-}"
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; found $("$python" --version 2>&1). Set PYTHON to one." >&2
    exit 1
}
[ -x .venv/bin/python ] || "$python" -m venv .venv
wanted="$(cat pyproject.toml constraints.txt | sha256sum | cut -d' ' -f1) $extras"
if [ "$(cat .venv/installed 2>/dev/null)" != "$wanted" ]; then
    echo "Installing into .venv ..." >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".$extras"
    echo "$wanted" > .venv/installed
fi
