#!/usr/bin/env bash
# Runs all tests, with cargo test and these arguments:
#
#   scripts/test.sh [ARGUMENTS OF CARGO TEST]
#
# The tests need tmux, zsh, fish, Chromium, Python 3 and PostgreSQL, and for root iproute2: root
# tests failover in network namespaces, everybody else through a relay. Installs what is missing if apt-get
# works without a password; otherwise names it, with the command that installs it,
# and exits with 1. TURNO_SKIP=tmux,chromium leaves the tests of these programs out,
# and TURNO_SKIP=iproute2 has root use the relay, too.
set -euo pipefail
cd "$(dirname "$0")/.."

# A shell that was open when rustup was installed does not know cargo yet.
PATH=$PATH:${CARGO_HOME:-$HOME/.cargo}/bin

is_skipped() { [[ ",${TURNO_SKIP-}," == *",$1,"* ]]; }

# Whether a command runs: Ubuntu's chromium only says where to get a browser.
runs() { "$1" --version || "$1" -V; } &>/dev/null </dev/null

# Whether one of the commands of a package runs.
is_there() {
  local command
  case $1 in
    chromium) for command in chromium google-chrome chromium-browser; do runs "$command" && return; done; false ;;
    gcc) runs cc ;;
    iproute2) runs ip ;;
    # Debian has it outside the path.
    postgresql) runs initdb || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null ;;
    *) runs "$1" ;;
  esac
}

# The packages that are missing.
missing() {
  local package
  local packages=(gcc tmux zsh fish chromium python3 postgresql)
  [ "$(id -u)" != 0 ] || packages+=(iproute2)
  for package in "${packages[@]}"; do
    is_skipped "$package" || is_there "$package" || echo "$package"
  done
}

# Installs packages, or does nothing where that takes a password.
install() {
  local as_root=() package packages
  command -v apt-get >/dev/null || return 0
  if [ "$(id -u)" != 0 ]; then
    sudo -n true 2>/dev/null || return 0
    as_root=(sudo -n)
  fi
  "${as_root[@]}" apt-get update || true
  # One at a time: a system may have all but one.
  for package; do
    packages=("$package")
    [ "$package" != gcc ] || packages+=(libc6-dev)
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
      apt-get install -y --no-install-recommends "${packages[@]}" || true
  done
} >&2

if ! runs cargo; then
  echo "cargo is missing: curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2
  exit 1
fi
mapfile -t packages < <(missing)
[ ${#packages[@]} = 0 ] || install "${packages[@]}"
mapfile -t packages < <(missing)
for package in "${packages[@]}"; do
  case $package in
    gcc) echo 'a C compiler, which links, is missing: apt-get install gcc libc6-dev' ;;
    chromium) echo 'chromium is missing: apt-get install chromium, or install Google Chrome' ;;
    *) echo "$package is missing: apt-get install $package" ;;
  esac
done >&2
[ ${#packages[@]} = 0 ] || exit 1

# A job in the background ignores these signals, and so would the programs under test,
# which some tests end with them.
run() { env --default-signal=HUP,INT,QUIT cargo test --locked "$@"; }

if [ $# -gt 0 ]; then
  run "$@"
  exit
fi
# The search of states needs an optimized build. The other tests wait for other programs
# most of their time, so that more of them than there are processors run at the same time.
run --lib
export CARGO_PROFILE_TEST_OPT_LEVEL=0 RUST_TEST_THREADS=${RUST_TEST_THREADS-4}
run --bins --examples --test '*'
run --doc
