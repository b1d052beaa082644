# Makes .venv and installs the project into it; sourced by the other scripts with an extra to install, or "".
# Exact versions come from constraints.txt. What is installed already, alone or within [dev], is not installed again.

extra="$1"
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "Python 3.11 or newer is needed; found $("$python" --version 2>&1). Set PYTHON to one." >&2
    exit 1
}
[ -x .venv/bin/python ] || "$python" -m venv .venv
files="$("$python" -c 'import hashlib; print(hashlib.sha256(b"".join(open(f, "rb").read() for f in ("pyproject.toml", "constraints.txt"))).hexdigest())')"
if [ "$(cat ".venv/installed-$extra" 2>/dev/null)" != "$files" ] && [ "$(cat .venv/installed-dev 2>/dev/null)" != "$files" ]; then
    echo "Installing into .venv ..." >&2
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".${extra:+[$extra]}"
    echo "$files" > ".venv/installed-$extra"
fi
