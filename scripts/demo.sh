#!/usr/bin/env bash
# The demo: the critical section and N processes, each in its own terminal.
# See scripts/demo.sh --help.
set -u

usage() {
  cat <<'END'
Usage: scripts/demo.sh [N] [--in tmux|windows|here] [-- OPTION...]
       scripts/demo.sh --cases [-- OPTION...]

Opens the critical section and N processes (3 by default), each in its own
terminal: tmux panes if tmux is installed, else windows of the desktop, else all
in this terminal. In a process: x asks for the critical section, its own id
ticks its clock, d draws what happened, q quits.

  --cases   plays the three cases of the original unattended, then a fourth: with
            failover a holder is cut off
  --in      says where to open them
  --        what follows are options of each process (turno help process):
            scripts/demo.sh -- --keep-permissions --hold 10s
  --help    prints this

TURNO_PORT=10000 is the critical section's port; the processes have the next ones.
END
}

fail() {
  printf 'demo: %s\n' "$1" >&2
  exit "${2:-1}"
}

main() {
  local count=3 place='' cases=''
  options=()
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --cases) cases=yes ;;
      --in | --in=*)
        [ "$1" != --in ] || shift
        place=${1-nothing} place=${place#--in=}
        case $place in
          tmux | windows | here) ;;
          *) fail "--in takes tmux, windows or here, not '$place'" 2 ;;
        esac
        ;;
      [1-9] | [1-9][0-9]) count=$1 ;;
      --)
        shift
        options=("$@")
        break
        ;;
      *) usage >&2; fail "unknown argument '$1'; N is a number from 1 to 99" 2 ;;
    esac
    shift
  done
  [ -z "$cases" ] || place=cases count=3
  [ -n "$place" ] || best_place
  [ "$place" != tmux ] || has_terminal || fail \
    '--in tmux takes a terminal as standard input and output; try --in here' 2
  choose_ports "$count"
  CDPATH='' cd -- "$(dirname -- "$0")/.." || exit 1
  build
  "open_$place"
}

has_terminal() {
  [ -t 0 ] && [ -t 1 ]
}

# Sets the place to the best one available.
best_place() {
  if ! has_terminal || [ "${TERM-dumb}" = dumb ]; then
    place=here
  elif command -v tmux >/dev/null 2>&1; then
    place=tmux
  elif terminal_program >/dev/null; then
    place=windows
  else
    place=here
    echo 'tmux is not installed: all run in this terminal; with tmux each has its own pane.'
  fi
}

choose_ports() {
  local id
  section_port=${TURNO_PORT:-10000}
  case $section_port in
    0* | *[!0-9]* | ??????*) false ;;
    *) [ "$section_port" -le 65000 ] ;;
  esac || fail "TURNO_PORT is a number from 1 to 65000, not '$section_port'" 2
  members=()
  for ((id = 1; id <= $1; id++)); do members+=(":$((section_port + id))"); done
}

# Builds with the dev profile: that is fastest after a fresh clone, and the tests need
# it too. Only cargo knows where the program is then.
build() {
  local built
  command -v cargo >/dev/null 2>&1 ||
    fail 'cargo, which builds turno, is not installed: get it from https://rustup.rs'
  built=$(cargo build --locked --bin turno --message-format json-render-diagnostics) ||
    fail 'the build failed'
  turno=$(sed -n 's/.*"executable":"\(.*\)","fresh".*/\1/p' <<<"$built" | sed 's/\\\(.\)/\1/g')
  [ -x "$turno" ] || fail 'cargo does not say where turno is'
}

# --- beginning and leaving ---------------------------------------------------

# Makes a temporary folder. However the script ends, the function $1 then ends
# everything that it has started.
begin() {
  end_function=$1 scratch='' pids=() commands=()
  trap 'leave $?' EXIT
  trap 'leave 129' HUP
  trap 'leave 130' INT
  trap 'leave 143' TERM
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/turno-demo.XXXXXX") || fail 'no temporary folder'
}

# A closing terminal sends SIGHUP twice (from the kernel and from the shell), and users
# press Ctrl-C twice. The second signal starts this again from the top, or is ignored.
# In the trap of EXIT alone, a second exit would stop the cleanup half way.
leave() {
  trap '' HUP INT TERM
  trap - EXIT
  [ -z "$scratch" ] || {
    "$end_function"
    rm -rf "$scratch"
  }
  exit "$1"
}

# Ends the processes that were started here, the last first, and waits for each. A
# process that is stopped ends when it goes on.
end_all() {
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill -TERM "${pids[i]}" 2>/dev/null
    kill -CONT "${pids[i]}" 2>/dev/null
    wait "${pids[i]}" 2>/dev/null
  done
  pids=()
}

# The sh command of each terminal: runs the program, then waits for Enter if there is a
# summary or an error to read. Ctrl-C goes to the program alone.
# shellcheck disable=SC2016
in_terminal='trap : INT; "$@" && [ "$2" != shared ] || { printf "Enter closes this. "; read -r _; }'

# --- one pane each, in a separate tmux ---------------------------------------

open_tmux() {
  command -v tmux >/dev/null 2>&1 || fail 'tmux is not installed; try --in here'
  begin end_tmux
  unset TMUX # so that it starts inside another tmux too
  # The socket is in our folder because tmux does not remove it.
  tmux=(tmux -S "$scratch/tmux" -u -f /dev/null)
  local id
  # tmux runs several words as they are, but gives a single one to the user's shell.
  # C-z would stop the client, with no shell to resume it.
  "${tmux[@]}" new-session -d -s demo -n turno -x "$(tput cols)" -y "$(tput lines)" \
    sh -c "$in_terminal" sh "$turno" shared --listen ":$section_port" \
    \; set -g mouse on \
    \; set -g status-left '' \; set -g status-right '' \
    \; set -g window-status-current-format \
    ' turno: click a pane or press Alt-arrow to go to it, F10 ends the demo ' \
    \; bind -n F10 kill-session \; unbind C-z \
    \; bind -n M-Left select-pane -L \; bind -n M-Right select-pane -R \
    \; bind -n M-Up select-pane -U \; bind -n M-Down select-pane -D \
    || fail 'tmux does not start; try --in here'
  for ((id = 1; id <= ${#members[@]}; id++)); do
    "${tmux[@]}" split-window -t demo \
      sh -c "$in_terminal" sh "$turno" process "$id" "${members[@]}" --shared ":$section_port" \
      ${options[@]+"${options[@]}"} \; select-layout -t demo tiled >/dev/null ||
      fail "there is no room for $id processes: a larger terminal, or fewer of them"
  done
  "${tmux[@]}" select-pane -t demo:0.1
  # In the background, because bash handles signals in wait but not while a command runs.
  "${tmux[@]}" attach-session -t demo <&0 &
  client=$!
  wait "$client"
}

end_tmux() {
  tmux -S "$scratch/tmux" kill-server 2>/dev/null
  # The client gives the terminal back.
  [ -z "${client-}" ] || wait "$client" 2>/dev/null
}

# --- one window each, on a desktop -------------------------------------------

# Prints the terminal program of this desktop: a command that takes another command and
# ends with it.
terminal_program() {
  [ -n "${DISPLAY-}${WAYLAND_DISPLAY-}" ] || return 1
  local program
  for program in 'gnome-terminal --wait --' 'konsole --nofork -e' \
    'xfce4-terminal --disable-server -x' 'alacritty -e' 'kitty' 'foot' \
    'xterm -e' 'x-terminal-emulator -e'; do
    if command -v "${program%% *}" >/dev/null 2>&1; then
      echo "$program"
      return
    fi
  done
  return 1
}

open_windows() {
  local terminal id
  terminal=$(terminal_program) || fail 'no terminal program of a desktop is installed; try --in here'
  begin end_windows
  : >"$scratch/groups"
  open_window shared --listen ":$section_port"
  for ((id = 1; id <= ${#members[@]}; id++)); do
    open_window process "$id" "${members[@]}" --shared ":$section_port" \
      ${options[@]+"${options[@]}"}
  done
  await_windows
  echo 'The windows are open: press x in one. Ctrl-C here, or closing them, ends the demo.'
  while windows_run; do sleep 1; done
}

# The program leads its own session in the window, so its process group can be ended
# even if the window cannot. A window that opens too late finds no folder and closes.
open_window() {
  # shellcheck disable=SC2086,SC2016
  $terminal sh -c 'echo "-$$" >>"$0" && '"{ $in_terminal; }" "$scratch/groups" "$turno" "$@" &
  pids+=($!)
}

await_windows() {
  local tries=0 pid
  until [ "$(wc -l <"$scratch/groups")" -gt "${#members[@]}" ]; do
    # A terminal program may hand its window to another process, and end.
    for pid in "${pids[@]}"; do
      kill -0 "$pid" 2>/dev/null || wait "$pid" || no_windows
    done
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || no_windows
    sleep 0.05
  done
}

no_windows() {
  fail "${terminal%% *} opens no windows on the display '${WAYLAND_DISPLAY:-$DISPLAY}'; try --in here"
}

windows_run() {
  local group
  while read -r group; do
    kill -0 -- "$group" 2>/dev/null && return
  done <"$scratch/groups"
  return 1
}

end_windows() {
  local group
  while read -r group; do kill -TERM -- "$group" 2>/dev/null; done <"$scratch/groups"
  end_all
}

# --- all in this terminal ----------------------------------------------------

open_here() {
  local id input
  begin end_group
  echo "'1 x': process 1 asks for the critical section; '2 2': process 2 ticks; q ends."
  print_omissions
  start_group "${#members[@]}" ''
  while read -r id input; do
    case $id in
      q) break ;;
      [1-9]*x) input=x id=${id%x} ;;
    esac
    if [ ! -p "$scratch/in.$id" ]; then
      [ -z "$id" ] || echo "There is no process '$id': type its number and x, as in '1 x'."
    elif ! kill -0 "${pids[id]}" 2>/dev/null; then
      echo "Process $id has ended."
    else
      send "$id" "$input"
    fi
  done
}

# --- the cases, unattended ---------------------------------------------

open_cases() {
  begin end_group
  echo 'Each line begins with its process, or with cs, the critical section.'
  print_omissions

  begin_case 'Case 1: 1 enters and leaves, then 2 asks.' 500ms
  send 1 x
  await printed '1| Process exited CS'
  send 2 x
  await printed '2| Process exited CS'
  end_case

  begin_case 'Case 2: 2 asks while 1 is in the critical section.' 2s
  send 1 x
  await printed '1| Process entered CS'
  send 2 x
  await printed '2| Process exited CS'
  end_case

  begin_case 'Case 3: 2 asks while 1 is in it, then 3 asks while 2 waits.' 2s
  send 1 x
  await printed '1| Process entered CS'
  send 2 x
  await printed '1| req<4,2> received'
  await printed '2| reply<5,3> received'
  send 3 x
  await printed '3| Process exited CS'
  end_case

  cut_off_case
}

# Three agents with failover. A stopped agent is as silent as one that is cut off, and
# takes neither root nor a network.
cut_off_case() {
  printf '\n%s\n%s\n\n' \
    'Case 4: agents with a lease of 2 s. 1 is cut off while its command holds the lock:' \
    'the command is ended before 2 enters. Then 1 is back, and asks again.'
  case_number=$((case_number + 1))
  trace="$scratch/case-$case_number"
  start_agents 2s
  run_locked 1 'while :; do sleep 1; done'
  await printed '1| holds the lock'
  run_locked 2 'sleep 1'
  await waits 2
  tell 1 'the agent is stopped: the others do not hear it'
  kill -STOP "${pids[0]}"
  await printed '2| holds the lock'
  kill -CONT "${pids[0]}"
  tell 1 'the agent goes on'
  await printed '2| leaves'
  run_locked 1 'sleep 0.5'
  await printed '1| leaves'
  end_group
  printf '\nThe order: '
  sed -n 's/^\([0-9]\)| holds the lock, with token \([0-9]*\)$/agent \1 with token \2/p' \
    "$scratch/log" | paste -s -d ';' - | sed 's/;/, then /g; s/$/./'
  draw_case
}

begin_case() {
  printf '\n%s\n\n' "$1"
  case_number=$((${case_number-0} + 1))
  trace="$scratch/case-$case_number"
  start_group 3 "$2"
  await all_heard
}

end_case() {
  await printed 'interaction with cs ends' "$(grep -c '| Process exited CS' "$scratch/log")"
  end_group
  printf '\nThe order: '
  sed -n 's/^cs| \[PID: \([0-9]*\), Clock: \([0-9]*\)\] .* begins$/process \1 at clock \2/p' \
    "$scratch/log" | paste -s -d ';' - | sed 's/;/, then /g; s/$/./'
  draw_case
}

# Draws the case into the folder of the built program, which git ignores.
draw_case() {
  local file
  file=$(dirname "$turno")/turno-case-$case_number.svg
  "$turno" trace check "$trace" >/dev/null || fail "turno trace check $trace finds a fault"
  "$turno" trace draw "$trace" -o "$file" && printf 'Its diagram: %s\n' "$file"
}

# --- a group of plain processes that share one output ------------------------

# Starts the critical section (pids[0]) and $1 processes that hold it for $2, if that is
# given (pids[ID]).
# They read from named pipes, and all write to the one output. As background jobs they
# ignore Ctrl-C, and are ended in order.
start_group() {
  local id
  open_output
  start_one /dev/null shared --listen ":$section_port" --label cs
  for ((id = 1; id <= $1; id++)); do
    mkfifo "$scratch/in.$id" || exit 1
    start_one "$scratch/in.$id" process "$id" "${members[@]}" \
      --shared ":$section_port" ${2:+--hold "$2"} --label "$id" ${trace:+--trace "$trace"} \
      ${options[@]+"${options[@]}"}
  done
  await printed 'critical section at' # of cs
  await printed ' listens at ' "$1"
}

# The one output of a group: file descriptor 3.
open_output() {
  : >"$scratch/log"
  mkfifo "$scratch/out" || exit 1
  # With both ends open at first, no open waits for the other end.
  # shellcheck disable=SC2094
  exec 3<>"$scratch/out" 4<"$scratch/out"
  show <&4 3>&- 4<&- &
  output=$!
  exec 3>"$scratch/out" 4<&-
}

# Starts three agents (pids[ID - 1]) with this lease.
start_agents() {
  local id
  open_output
  for id in 1 2 3; do
    RUST_LOG=error start_one /dev/null agent --id "$id" "${members[@]}" --failover "$1" \
      --state "$scratch/state.$id" --socket "$scratch/agent.$id" --trace "$trace"
  done
  for id in 1 2 3; do await is_up "$id"; done
}

is_up() {
  TURNO_SOCKET="$scratch/agent.$1" "$turno" status >/dev/null 2>&1
}

# Whether agent $1 waits for the lock.
waits() {
  TURNO_SOCKET="$scratch/agent.$1" "$turno" status --json | grep -q '"state": *"WAIT"'
}

# Runs the sh commands $2 under the lock of agent $1. Each line of the output begins with
# the agent.
run_locked() {
  # shellcheck disable=SC2016
  TURNO_SOCKET="$scratch/agent.$1" "$turno" lock job -- sh -c \
    'echo "holds the lock, with token $TURNO_TOKEN"; eval "$1"; echo "leaves the lock"' sh "$2" \
    > >(sed -u "s/^/$1| /" >&3 3>&-) 2>&1 3>&- </dev/null &
  commands+=($!)
}

# Tells what happens to agent $1.
tell() {
  echo "$1| $2" >&3
}

start_one() {
  local input=$1
  shift
  # Opens both ends of the pipe, so it has a writer as long as it has a reader.
  "$turno" "$@" <>"$input" >&3 2>&3 3>&- &
  pids+=($!)
}

# Shows the output of the group, except hellos, welcomes and resent requests. It ignores
# Ctrl-C, because the group still prints its last lines.
show() {
  trap '' INT
  tee -a "$scratch/log" | grep --line-buffered -vE \
    'heard the clocks of | sent again to |: again, and still deferred'
}

print_omissions() {
  echo 'Left out are hellos, welcomes, and requests that are sent again.'
}

# Sends the line $2 to process $1. Both ends of the pipe are open, so this does not wait
# for a process that has ended.
send() {
  echo "$2" 1<>"$scratch/in.$1"
}

# Waits until this command succeeds.
await() {
  local tries=0
  until "$@"; do
    kill -0 "$output" 2>/dev/null || exit # its reader is gone
    if ! all_run; then
      end_group # so that its lines come before ours
      fail 'a program of the group has ended; see above. TURNO_PORT=20000 takes other ports'
    fi
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "timed out: $*"
    sleep 0.05
  done
}

# Whether the group has printed the text $1, $2 times (once by default).
printed() {
  [ "$(grep -cF -- "$1" "$scratch/log")" -ge "${2:-1}" ]
}

# Whether each of three processes has the clocks of both others, and so may ask.
all_heard() {
  local both='^[0-9]+\| heard the clocks of [0-9]+, [0-9]+ '
  [ "$(grep -oE "$both" "$scratch/log" | cut -d'|' -f1 | sort -u | wc -l)" -eq 3 ]
}

all_run() {
  local pid
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
}

# Ends the processes before the critical section, and the output last.
end_group() {
  # A signal may have come before start_one recorded its process.
  [ "${!-}" = "${output-}" ] || pids+=("$!")
  local command
  for command in ${commands[@]+"${commands[@]}"}; do
    kill -TERM "$command" 2>/dev/null
  done
  end_all
  commands=()
  exec 3>&- 4<&-
  [ -z "${output-}" ] || wait "$output" 2>/dev/null
  output=''
  rm -f "$scratch/out" "$scratch"/in.*
}

main "$@"
