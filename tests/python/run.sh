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

# What can differ from one version to the next. The oldest and the newest run everything; so do all where there is time.
by_version=(
  tests/python/guarantees
  tests/python/test_{aliasing,aliasing_values,cache_aio,cache_mapping,cache_verbs,codec_classes,codec_golden,codec_values,codecs,cache_concurrency}.py
  tests/python/test_decorator_{async,forms,introspection,methods,results,verbs}.py
  tests/python/test_{fences,footprint,kept_errors,keys,keys_content,keys_derived,keys_words,layers,loader_context,lost_loads,one_load,pool}.py
  tests/python/test_{tier_keys,tier_keys_loose,timeouts}.py
)

failed=0
# Those that have been built by then: a test has them share a store with the one that runs it.
export HOTSET_OTHER_PYTHONS=
mapfile -t found < <(interpreters)
for number in "${!found[@]}"; do
  read -r version python <<<"${found[number]}"
  environment=.venv-test-$version
  test -x "$environment/bin/python" || "$python" -m venv "$environment"
  "$environment/bin/pip" install -q --disable-pip-version-check -r requirements-dev.txt click rich matplotlib
  # A wheel, not an editable install: each interpreter has a compiled module of its own, with every check in it. What is compiled for one
  # is not compiled for the others, but for what knows of none.
  export CARGO_TARGET_DIR=$PWD/target/python-$version
  first=$PWD/target/python-${found[0]%% *}
  test -d "$CARGO_TARGET_DIR" || ! test -d "$first" || cp -a "$first" "$CARGO_TARGET_DIR"
  wheels=target/wheels-$version
  rm -rf "$wheels"
  "$environment/bin/maturin" build -q --profile checked --features validate -i "$environment/bin/python" -o "$wheels"
  "$environment/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps "$wheels"/*.whl
  tests=(tests/python)
  if [ "$number" -gt 0 ] && [ "$number" -lt $((${#found[@]} - 1)) ] && [ "${HOTSET_SOAK:-0}" = 0 ]; then
    tests=("${by_version[@]}")
  fi
  echo "== CPython $version, ${tests[*]:0:1}$([ ${#tests[@]} -eq 1 ] || echo " and what else can differ by version") =="
  "$environment/bin/python" -m pytest -q -p no:cacheprovider -n "$workers" --dist worksteal --durations=15 "${tests[@]}" "$@" </dev/null ||
    failed=1
  HOTSET_OTHER_PYTHONS+=${HOTSET_OTHER_PYTHONS:+:}$PWD/$environment/bin/python
done
exit "$failed"
