#!/usr/bin/env bash
# Runs a fuzz target on RUNS inputs of libFuzzer, or until an input breaks a law of
# tests/properties, and prints the statistics:
#
#   scripts/fuzz.sh [decode|member] [RUNS] [OPTIONS OF libFuzzer]
#
# decode reads datagrams, 100,000,000 by default; member takes events, up to 255 in each
# of 1,000,000 inputs. An input that breaks a law is written to fuzz/artifacts. To try it
# again:
#
#   TURNO_EVENTS=1 cargo fuzz run --sanitizer none member fuzz/artifacts/member/FILE
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { sed -n '5s/^# */usage: /p' "$0" >&2; exit 2; }

target=${1:-decode}
case $target in
  decode) runs=${2:-100000000} options=(-max_len=1024 -dict=fuzz/decode.dict) ;;
  member) runs=${2:-1000000} options=(-max_len=2048 -len_control=0) ;;
  *) usage ;;
esac
[[ $runs =~ ^[0-9]+$ ]] || usage

missing() { echo "scripts/fuzz.sh needs $1: $2" >&2; exit 1; }
cargo fuzz --version >/dev/null 2>&1 ||
  missing cargo-fuzz 'cargo install cargo-fuzz --locked'
command -v "${CXX:-c++}" >/dev/null ||
  missing 'a C++ compiler, to build libFuzzer' 'apt-get install g++'

# The first inputs, and those that led libFuzzer to new code.
corpus=fuzz/corpus/$target
mkdir -p "$corpus"
if [ -f "fuzz/$target.seeds" ]; then
  number=0
  while IFS= read -r seed; do
    number=$((number + 1))
    printf %s "$seed" >"$corpus/seed-$number"
  done <"fuzz/$target.seeds"
fi

# The same versions as turno's own build.
cp Cargo.lock fuzz/Cargo.lock
# Without a sanitizer the stable compiler is enough; turno has no unsafe code.
time cargo fuzz run --sanitizer none "$target" "$corpus" -- \
  -runs="$runs" "${options[@]}" -print_final_stats=1 "${@:3}"
