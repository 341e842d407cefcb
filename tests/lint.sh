#!/usr/bin/env bash
# Every lint: formatting, clippy, ruff, mypy, pyright, and whether the stubs agree with the compiled module.
#
# usage: tests/lint.sh BIN
set -euo pipefail
cd "$(dirname "$0")/.."

bin=$1
export PYO3_PYTHON="$PWD/$bin/python"

step() {
  echo "-- $1"
  shift
  "$@"
}

step "rustfmt" cargo fmt --all --check
step "clippy" cargo clippy -q --workspace --all-targets -- -D warnings
step "documentation" env RUSTDOCFLAGS="-D warnings" cargo doc -q --no-deps -p hotset
step "ruff" "$bin/ruff" check -q .
step "ruff format" "$bin/ruff" format -q --check .
step "mypy" "$bin/mypy"
step "pyright" "$bin/pyright" --warnings
step "stubtest" "$bin/python" -m mypy.stubtest hotset._core --allowlist tests/typing/stubtest.txt
step "types of what is decorated" "$bin/python" -m pytest -q -p no:cacheprovider tests/typing
