#!/usr/bin/env bash
# Runs the Python tests on every CPython from 3.11 on that this machine has, each in an environment of its own.
#
# usage: tests/python/run.sh PYTHON [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/../.."

newest=$1
shift
# More than a few get in the way of the tests that run threads and processes of their own.
cores=$(getconf _NPROCESSORS_ONLN)
workers=$((cores < 4 ? cores : 4))

# One interpreter for each minor version, from pyenv and from the path; the newest always.
interpreters() {
  {
    for version in 3.11 3.12 3.13 3.14; do
      for candidate in "$HOME"/.pyenv/versions/"$version".*/bin/python "python$version"; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import venv, ensurepip' 2>/dev/null; then
          command -v "$candidate"
          break
        fi
      done
    done
    command -v "$newest"
  } | while read -r python; do
    "$python" -c 'import sys; print("%d.%d" % sys.version_info[:2], sys.executable)'
  done | sort -V -u -k1,1
}

failed=0
# Those that have been built by then: a test has them share a store with the one that runs it.
export HOTSET_OTHER_PYTHONS=
while read -r version python; do
  environment=.venv-test-$version
  test -x "$environment/bin/python" || "$python" -m venv "$environment"
  "$environment/bin/pip" install -q --disable-pip-version-check -r requirements-dev.txt click rich matplotlib
  # A wheel, not an editable install: each interpreter has a compiled module of its own, with every check in it.
  wheels=target/wheels-$version
  rm -rf "$wheels"
  "$environment/bin/maturin" build -q --profile checked --features validate -i "$environment/bin/python" -o "$wheels"
  "$environment/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps "$wheels"/*.whl
  echo "== CPython $version =="
  "$environment/bin/python" -m pytest -q -p no:cacheprovider -n "$workers" --dist worksteal tests/python "$@" </dev/null || failed=1
  HOTSET_OTHER_PYTHONS+=${HOTSET_OTHER_PYTHONS:+:}$PWD/$environment/bin/python
done < <(interpreters)
exit "$failed"
