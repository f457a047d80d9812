#!/usr/bin/env bash
# Upgrades a group of three agents from one build to another, one machine after another, while
# commands run under locks on all of them, and checks that nothing went wrong:
#
#   scripts/upgrade-check.sh [--failover LEASE] [--ports P1,P2,P3] OLD NEW
#
# OLD and NEW are two turno programs. On each machine the program's file is replaced, and the
# agent gets SIGTERM and is started again, as `systemctl restart` does. Checked is that
#  - never two commands run under one lock, and tokens rise: by what the commands write, and by
#    `turno trace check` of the traces of all agents;
#  - every machine runs commands again after each step;
#  - a command that runs through the whole upgrade goes on, and its output is whole; if OLD is so
#    old that a restart ends its commands, they end with 125.
set -euo pipefail

usage() { sed -n '2,14s/^# \{0,1\}//p' "$0"; exit "$1"; }

options=() ports=17301,17302,17303
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) usage 0 ;;
    --failover) options=(--failover "$2"); shift 2 ;;
    --ports) ports=$2; shift 2 ;;
    *) break ;;
  esac
done
[ $# = 2 ] || usage 2 >&2
old=$(realpath "$1") new=$(realpath "$2")
IFS=, read -r -a ports <<<"$ports"
members=("${ports[@]/#/127.0.0.1:}")
machines=(1 2 3)

# Entries of each machine that are waited for after a step.
ENTRIES=5
# How long anything may take, in tenths of a second.
MAX_WAIT=600

folder=$(mktemp -d)
agents=()
pids=()
stop() {
  touch "$folder/stop" "$folder/done"
  kill "${agents[@]}" "${pids[@]}" 2>/dev/null || true
  wait 2>/dev/null || true
  rm -rf "$folder"
}
trap stop EXIT

fail() {
  echo "FAILED: $*" >&2
  tail -n 5 "$folder"/*.log >&2
  exit 1
}

# Waits until a command succeeds.
await() {
  local what=$1
  shift
  for _ in $(seq $MAX_WAIT); do
    if "$@"; then return; fi
    sleep 0.1
  done
  fail "waited in vain for $what"
}

# The program of a machine, with its agent.
turno() {
  local machine=$1
  shift
  TURNO_SOCKET=$folder/$machine.sock "$folder/bin-$machine/turno" "$@"
}

answers() { turno "$1" status >/dev/null 2>&1; }

start_agent() {
  local machine=$1
  # Not by the function: the process id is to be the agent's.
  "$folder/bin-$machine/turno" agent --id "$machine" "${members[@]}" "${options[@]}" \
    --key "$folder/key" --state "$folder/state-$machine" --socket "$folder/$machine.sock" \
    --trace "$folder/trace" 2>>"$folder/agent-$machine.log" &
  agents[machine]=$!
  await "an answer of agent $machine" answers "$machine"
}

# Puts a program in the place of a machine's, as an installation does.
install_program() {
  cp "$1" "$folder/bin-$2/turno.new"
  mv "$folder/bin-$2/turno.new" "$folder/bin-$2/turno"
}

# Runs short commands, one after another, until it is told to stop.
work() {
  local machine=$1 code
  # shellcheck disable=SC2016
  local command='echo "begin $TURNO_TOKEN" >>"$0"; sleep 0.01; echo "end $TURNO_TOKEN" >>"$0"'
  while [ ! -e "$folder/stop" ]; do
    code=0
    turno "$machine" lock -w 60 work -- sh -c "$command" "$folder/written" || code=$?
    echo "$code" >>"$folder/codes-$machine"
    [ "$code" = 0 ] || sleep 0.2
  done 2>>"$folder/work-$machine.log"
}

# Runs one command until it is told that all is done.
endure() {
  local machine=$1 code=0
  # shellcheck disable=SC2016
  local command='i=0; until [ -e "$0" ]; do echo $i; i=$((i + 1)); sleep 0.05; done; echo whole'
  turno "$machine" lock "long-$machine" -- sh -c "$command" "$folder/done" \
    >"$folder/long-$machine" 2>>"$folder/long-$machine.log" || code=$?
  echo $code >"$folder/long-code-$machine"
}

entries() { grep -cx 0 "$folder/codes-$1" 2>/dev/null || true; }
has_entered() { [ "$(entries "$1")" -ge "$2" ]; }
all_enter() {
  local machine
  for machine in "${machines[@]}"; do
    await "entries of machine $machine" has_entered "$machine" $(($(entries "$machine") + ENTRIES))
  done
}

"$new" key "$folder/key" >/dev/null
for machine in "${machines[@]}"; do
  mkdir "$folder/bin-$machine"
  install_program "$old" "$machine"
  start_agent "$machine"
done
has_patience=no
if turno 1 help lock | grep -q -- --agent-patience; then has_patience=yes; fi
for machine in "${machines[@]}"; do
  endure "$machine" & pids+=($!)
  await "the long command of machine $machine" test -s "$folder/long-$machine"
  work "$machine" & pids+=($!)
done
all_enter
for machine in "${machines[@]}"; do
  install_program "$new" "$machine"
  kill "${agents[machine]}"
  wait "${agents[machine]}" || fail "agent $machine of the old build ended with $?"
  start_agent "$machine"
  cmp -s "/proc/${agents[machine]}/exe" "$new" || fail "agent $machine is not of the new build"
  all_enter
  echo "machine $machine has the new build: $(entries 1), $(entries 2) and $(entries 3) entries so far"
done
touch "$folder/stop" "$folder/done"
wait "${pids[@]}"

allowed='^0$'
if [ $has_patience = no ]; then allowed='^(0|125)$'; fi
for machine in "${machines[@]}"; do
  wrong=$(grep -Evx -- "$allowed" "$folder/codes-$machine" | sort | uniq -c || true)
  [ -z "$wrong" ] || fail "exit codes of commands of machine $machine: $wrong"
  code=$(cat "$folder/long-code-$machine")
  grep -Eq "$allowed" <<<"$code" || fail "the long command of machine $machine ended with $code"
  if [ "$code" = 0 ]; then
    [ "$(tail -n 1 "$folder/long-$machine")" = whole ] || fail "output of machine $machine is cut off"
    sed '$d' "$folder/long-$machine" | awk '$0 != NR - 1 { exit 1 }' ||
      fail "output of machine $machine is not whole"
  fi
done

# What was begun has ended before the next begins, unless it was killed; tokens rise.
awk '
  $1 == "begin" && $2 <= token { print "token " $2 " after " token; exit 1 }
  $1 == "begin" { token = $2; next }
  $2 != token { print "the command with token " $2 " ended under token " token; exit 1 }
' "$folder/written" || fail 'two commands ran at once, or a token did not rise'

for machine in "${machines[@]}"; do
  kill "${agents[machine]}"
  wait "${agents[machine]}" || fail "agent $machine of the new build ended with $?"
done
agents=()
"$new" trace check "$folder/trace" >"$folder/check.log" || fail 'turno trace check'
echo "$(grep -c begin "$folder/written") commands one at a time with rising tokens," \
  "long commands ended with $(cat "$folder"/long-code-* | paste -sd ' ');" \
  "trace check: $(tail -n 1 "$folder/check.log")"
