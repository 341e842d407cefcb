#!/usr/bin/env bash
# Installs hotset as an index would serve its sources: the sdist, a wheel from it in an empty folder, and that in an empty environment.
#
# usage: tests/sdist.sh PYTHON MATURIN
set -euo pipefail
cd "$(dirname "$0")/.."

python=$1 maturin=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

echo "-- sdist"
# Nothing of the tree is to be found from where the wheel is built; only what is compiled of others is used again.
export CARGO_TARGET_DIR=$PWD/target
"$maturin" sdist -o "$folder"
cd "$folder"
"$python" -m venv environment
environment/bin/pip install -q --upgrade pip
MATURIN_PEP517_ARGS="--profile dev" environment/bin/pip wheel -q --no-deps -w . hotset-*.tar.gz
environment/bin/pip install -q --no-deps hotset-*.whl
environment/bin/python -W error -c "
import hotset

@hotset.cache_result
def double(number):
    return 2 * number

assert (double(4), double(4), double.cache_info().hits) == (8, 8, 1)
print('hotset', hotset.__version__, 'from', hotset.__file__)
"
