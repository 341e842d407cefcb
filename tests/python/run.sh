#!/usr/bin/env bash
# Runs the Python tests on every CPython from 3.11 on, each in an environment of its own: those that this machine has, and others that
# tests/interpreters.sh can get.
#
# usage: tests/python/run.sh PYTHON [pytest arguments]
set -euo pipefail
cd "$(dirname "$0")/../.."

newest=$1
shift
versions=(3.11 3.12 3.13 3.14 3.15)
# One more than there are processors, since tests wait, too. More than a few get in the way of those with threads and processes of their own.
cores=$(getconf _NPROCESSORS_ONLN)
workers=$((cores < 4 ? cores + 1 : 4))

# One interpreter for each minor version, from pyenv and from the path.
own() {
  {
    for version in "${versions[@]}"; do
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

# Each a line: the version, what to run things with, and the interpreter.
interpreters() {
  local found missing=()
  found=$(own | sed 's/ / here /')
  for version in "${versions[@]}"; do
    grep -q "^$version " <<<"$found" || missing+=("$version")
  done
  [ ${#missing[@]} -eq 0 ] || tests/interpreters.sh make "${missing[@]}" >&2
  {
    echo "$found"
    tests/interpreters.sh list | sed 's/ / there /'
  } | sort -V -u -k1,1
}

# What can differ from one version to the next. The oldest and the newest run everything; so do all where there is time.
by_version=(
  tests/python/{guarantees,keys}
  tests/python/cache/test_cache_{aio,concurrency,mapping,verbs}.py
  tests/python/functions/test_decorator_{async,forms,introspection,methods,results,verbs}.py
  tests/python/loading/test_{fences,kept_errors,loader_context,lost_loads,one_load,pool,timeouts}.py
  tests/python/project/test_layers.py
  tests/python/tiers/test_tier_{keys,keys_loose}.py
  tests/python/values/test_{aliasing,aliasing_values,codec_classes,codec_golden,codec_values,codecs,footprint}.py
)

here() { "$@"; }
there() { tests/interpreters.sh run "$@"; }

# What tests need, as far as there are wheels for this version: of what is missing the tests are skipped.
install_needs() {
  local place=$1 environment=$2 needs=target/needs.txt missing=()
  local install=("$place" "$environment/bin/pip" install -q --disable-pip-version-check --only-binary :all:)
  mkdir -p target
  { sed 's/ *#.*//; /^$/d' requirements-dev.txt && printf '%s\n' click rich matplotlib; } >"$needs"
  if ! "${install[@]}" -r "$needs" 2>/dev/null; then
    while read -r need; do
      "${install[@]}" "$need" 2>/dev/null </dev/null || missing+=("${need%%;*}")
    done <"$needs"
  fi
  [ ${#missing[@]} -eq 0 ] || echo "no wheels for this version, tests that need them are skipped: ${missing[*]}"
}

failed=0
mapfile -t found < <(interpreters)
echo "== CPython $(printf '%s\n' "${found[@]}" | cut -d ' ' -f 1 | paste -sd ' ') =="
for number in "${!found[@]}"; do
  read -r version place python <<<"${found[number]}"
  environment=.venv-test-$version
  # One of another system's would not run.
  "$place" "$environment/bin/python" -c '' 2>/dev/null || "$place" "$python" -m venv --clear "$environment"
  # A wheel, not an editable install: each interpreter has a compiled module of its own, with every check in it. What is compiled for one
  # is not compiled for the others, but for what knows of none.
  export CARGO_TARGET_DIR=$PWD/target/python-$version
  first=$PWD/target/python-${found[0]%% *}
  test -d "$CARGO_TARGET_DIR" || ! test -d "$first" || cp -a "$first" "$CARGO_TARGET_DIR"
  wheels=target/wheels-$version
  tests=(tests/python) between=0
  if [ "$number" -gt 0 ] && [ "$number" -lt $((${#found[@]} - 1)) ] && [ "${HOTSET_SOAK:-0}" = 0 ]; then
    tests=("${by_version[@]}") between=1
  fi
  echo "== $("$place" "$environment/bin/python" -c 'import sys; print("CPython", sys.version)'): ${tests[*]:0:1}$(
    [ ${#tests[@]} -eq 1 ] || echo " and what else can differ by version") =="
  install_needs "$place" "$environment"
  rm -rf "$wheels"
  "$place" "$environment/bin/maturin" build -q --profile checked --features validate -i "$environment/bin/python" -o "$wheels"
  "$place" "$environment/bin/pip" install -q --disable-pip-version-check --force-reinstall --no-deps "$wheels"/*.whl
  # Those of this system that have been built by then: a test has them share a store with the one that runs it.
  others=others_$place
  HOTSET_BETWEEN=$between HOTSET_OTHER_PYTHONS=${!others:-} "$place" "$environment/bin/python" -m pytest -q -p no:cacheprovider -n "$workers" --dist worksteal \
    --durations=15 "${tests[@]}" "$@" </dev/null || failed=1
  printf -v "$others" %s "${!others:-}${!others:+:}$PWD/$environment/bin/python"
done
exit "$failed"
