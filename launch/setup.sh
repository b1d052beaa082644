# Makes .venv and installs the project into it; sourced by the other scripts with an extra to install, or "".
# Exact versions come from constraints.txt. What is installed already, alone or within [dev], is not installed again.

extra="$1"
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; found $("$python" --version 2>&1). Set PYTHON to one." >&2
    exit 1
}
if [ ! -x .venv/bin/python ]; then
    echo "Making the virtual environment .venv ..." >&2
    "$python" -m venv .venv
fi
files="$("$python" -c 'import hashlib; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in ("pyproject.toml", "constraints.txt"))).hexdigest())')"
if [ "$(cat ".venv/installed-$extra" 2>/dev/null)" != "$files" ] && [ "$(cat .venv/installed-dev 2>/dev/null)" != "$files" ]; then
    echo "Installing the project and its packages into .venv. The first time that is some gigabytes, most of them torch" >&2
    echo "with its libraries for GPUs, and minutes to download and unpack; pip says below what it is at." >&2
    # Neither quiet, or minutes would pass without a word, nor on standard output, which is the command's.
    .venv/bin/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable ".${extra:+[$extra]}" >&2
    echo "$files" > ".venv/installed-$extra"
    echo "Installed, once for all: the other scripts in launch/ use the same .venv." >&2
fi
