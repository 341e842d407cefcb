#!/usr/bin/env bash
# Interpreters that this machine does not have: Debian's unstable release carries them. They need its C library, so they live in a folder
# with a small system of its own, in which the repository and the Rust toolchain of this machine are mounted.
#
# usage: tests/interpreters.sh make VERSION...   makes the folder, once a machine, with these of them that can be had; says which cannot, and why
#        tests/interpreters.sh list              those that it has, a line each: the version, and the interpreter within it
#        tests/interpreters.sh run COMMAND...    runs a command in it, from the present directory
set -euo pipefail

folder=${HOTSET_INTERPRETERS:-/var/cache/hotset-interpreters}
limit=900

say() { echo "interpreters: $*" >&2; }

# What keeps this machine from having such a folder, if anything does.
obstacle() {
  if [ "$(uname -s)" != Linux ]; then echo "it takes Linux"
  elif [ "$(id -u)" != 0 ]; then echo "it takes root"
  elif ! command -v apt-get >/dev/null; then echo "it takes Debian's apt-get"
  elif ! unshare --mount true 2>/dev/null; then echo "nothing can be mounted here"
  fi
}

# Where this machine has its Debian packages from.
archive() {
  apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 2>/dev/null | grep -v security | head -n 1
}

make_system() {
  test ! -e "$folder/.ready" || return 0
  if ! command -v debootstrap >/dev/null; then
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends debootstrap; } >/dev/null 2>&1 ||
      { echo "debootstrap cannot be installed"; return 1; }
  fi
  local from
  from=$(archive)
  test -n "$from" || { echo "this machine knows of no archive of Debian's"; return 1; }
  rm -rf "$folder.new"
  mkdir -p "$folder.new"
  # As little as there is, a linker and the headers of the C library.
  timeout "$limit" debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates unstable "$folder.new" "$from" \
    >"$folder.log" 2>&1 || { echo "Debian's unstable release cannot be had now: $(tail -n 1 "$folder.log")"; return 1; }
  rm -rf "$folder"
  mv "$folder.new" "$folder"
  touch "$folder/.ready"
}

has() { test -x "$folder/usr/bin/python$1" && test -e "$folder/usr/share/doc/python$1-venv"; }

# Installs packages in the folder; none of them is started. An archive that is a while behind is as good.
install() {
  inside sh -c "apt-get update -q -o Acquire::Check-Valid-Until=false &&
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $*" >>"$folder.log" 2>&1
}

# A namespace of mounts that ends with the command.
inside() {
  local here=$PWD repository cargo rustup
  repository=$(git rev-parse --show-toplevel 2>/dev/null || pwd)
  cargo=${CARGO_HOME:-$HOME/.cargo} rustup=${RUSTUP_HOME:-$HOME/.rustup}
  export FOLDER=$folder HERE=$here
  MOUNTS=$(printf '%s\n' "$repository" "$cargo" "$rustup" "${PIP_FIND_LINKS:-}" "${PIP_CERT:-}" /etc/ssl/certs/ca-certificates.crt \
    /etc/resolv.conf /etc/hosts /etc/pip.conf | sort -u)
  export MOUNTS
  unshare --mount --propagation private bash -euc '
    mount --rbind /dev "$FOLDER/dev"
    mount --rbind /sys "$FOLDER/sys"
    mount -t proc proc "$FOLDER/proc"
    mount -t tmpfs tmpfs "$FOLDER/tmp"
    while read -r outside; do
      test -e "$outside" || continue
      within=$FOLDER$outside
      mkdir -p "$(dirname "$within")"
      test ! -L "$within" || rm "$within"
      if test -d "$outside"; then mkdir -p "$within"; else touch "$within"; fi
      mount --bind "$outside" "$within"
    done <<<"$MOUNTS"
    unset MOUNTS
    exec chroot "$FOLDER" /bin/sh -c "cd \"\$HERE\" && exec \"\$@\"" - "$@"
  ' - "$@"
}

case ${1:-} in
  make)
    shift
    why=$(obstacle)
    mkdir -p "$(dirname "$folder")" 2>/dev/null || true
    if [ -z "$why" ]; then
      exec 9>"$folder.lock" && flock 9
      why=$(make_system) || true
    fi
    for version in "$@"; do
      if [ -n "$why" ]; then
        say "CPython $version is not tested: $why"
      elif ! has "$version" && ! { install "python$version-venv" && touch "$folder/usr/share/doc/python$version-venv"; }; then
        say "CPython $version is not tested: $(grep -E '^E: ' "$folder.log" | tail -n 1 || true)"
      fi
    done
    if [ -z "$why" ] && ! test -x "$folder/usr/bin/redis-server"; then
      install redis-server || say "no redis-server there: tests that need it are skipped"
    fi
    ;;
  list)
    test -z "$(obstacle)" && test -e "$folder/.ready" || exit 0
    for python in "$folder"/usr/bin/python3.[0-9]*; do
      version=${python##*/python}
      case $version in *[!0-9.]*) continue ;; esac
      if has "$version"; then echo "$version ${python#"$folder"}"; fi
    done
    ;;
  run)
    shift
    inside "$@"
    ;;
  *)
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
