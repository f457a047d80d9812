#!/usr/bin/env bash
# The demo: the critical section and N processes, each in a terminal of its own.
# scripts/demo.sh --help says more.
set -u

usage() {
  cat <<'END'
Usage: scripts/demo.sh [N] [--in tmux|windows|here]
       scripts/demo.sh --cases

Opens the critical section and N processes (3 if not said), each in a terminal
of its own: tmux panes where tmux is there, else windows of a desktop, else all
in this terminal. In a process: x asks for the critical section, its own id
ticks its clock, d draws what happened, q quits.

  --cases   plays the three cases of the original unattended
  --in      where to open them, whatever is there
  --help    prints this

TURNO_PORT=10000 is the critical section's port; the processes have the next.
END
}

fail() {
  printf 'demo: %s\n' "$1" >&2
  exit "${2:-1}"
}

main() {
  local count=3 place='' cases=''
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
      *) usage >&2; fail "what is '$1'? N is a number from 1 to 99" 2 ;;
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

# Sets the place: the best there is.
best_place() {
  if ! has_terminal || [ "${TERM-dumb}" = dumb ]; then
    place=here
  elif command -v tmux >/dev/null 2>&1; then
    place=tmux
  elif terminal_program >/dev/null; then
    place=windows
  else
    place=here
    echo 'Without tmux, all in this terminal; with it each process has a pane of its own.'
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

# The dev profile: it is there soonest after a fresh clone, and the tests need it
# too. Only cargo knows where it puts what it builds.
build() {
  local built
  command -v cargo >/dev/null 2>&1 || fail \
    'there is no cargo, which builds turno: get it from https://rustup.rs, then start this again'
  built=$(cargo build --locked --bin turno --message-format json-render-diagnostics) ||
    fail 'the build failed'
  turno=$(sed -n 's/.*"executable":"\(.*\)","fresh".*/\1/p' <<<"$built" | sed 's/\\\(.\)/\1/g')
  [ -x "$turno" ] || fail 'cargo does not say where it has put turno'
}

# --- beginning and leaving ---------------------------------------------------

# A folder for what the demo needs meanwhile; and however the script ends, $1
# ends what it has started.
begin() {
  end_what=$1 scratch='' pids=()
  trap 'leave $?' EXIT
  trap 'leave 129' HUP
  trap 'leave 130' INT
  trap 'leave 143' TERM
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/turno-demo.XXXXXX") || fail 'no temporary folder'
}

# A terminal that closes says so twice, its kernel and its shell, and people
# press Ctrl-C twice. The second time this begins anew, or is not heard any more;
# were it left to the trap of EXIT, exiting anew would stop that half way.
leave() {
  trap '' HUP INT TERM
  trap - EXIT
  [ -z "$scratch" ] || {
    "$end_what"
    rm -rf "$scratch"
  }
  exit "$1"
}

# Ends what was started here, the last first, and waits for its last words.
end_all() {
  local i
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
    kill -TERM "${pids[i]}" 2>/dev/null
    wait "${pids[i]}" 2>/dev/null
  done
  pids=()
}

# What runs in a terminal of its own, as a command of sh: the program; and where
# there is something to read at its end, a summary or an error, a wait for Enter.
# Ctrl-C is for the program alone.
# shellcheck disable=SC2016
in_terminal='trap : INT; "$@" && [ "$2" != shared ] || { printf "Enter closes this. "; read -r _; }'

# --- one pane each, in a tmux of its own -------------------------------------

open_tmux() {
  command -v tmux >/dev/null 2>&1 || fail 'there is no tmux; try --in here'
  begin end_tmux
  unset TMUX # inside another tmux this is one more
  # The socket goes with the folder; tmux would leave it behind.
  tmux=(tmux -S "$scratch/tmux" -u -f /dev/null)
  local id
  # Several words are run as they are; one would be read by whatever shell the
  # user has. C-z would stop the client, and nobody would be there to see it.
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
      \; select-layout -t demo tiled >/dev/null ||
      fail "there is no room for $id processes: a larger terminal, or fewer of them"
  done
  "${tmux[@]}" select-pane -t demo:0.1
  # In the background, for bash heeds a signal while it waits, and not while a
  # command runs.
  "${tmux[@]}" attach-session -t demo <&0 &
  client=$!
  wait "$client"
}

end_tmux() {
  tmux -S "$scratch/tmux" kill-server 2>/dev/null
  # It gives the terminal back.
  [ -z "${client-}" ] || wait "$client" 2>/dev/null
}

# --- one window each, on a desktop -------------------------------------------

# The terminal program of this desktop, as a command that takes another and ends
# with it.
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
  terminal=$(terminal_program) || fail 'there is no desktop terminal; try --in here'
  begin end_windows
  : >"$scratch/groups"
  open_window shared --listen ":$section_port"
  for ((id = 1; id <= ${#members[@]}; id++)); do
    open_window process "$id" "${members[@]}" --shared ":$section_port"
  done
  await_windows
  echo 'The windows are open: press x in one. Ctrl-C here, or closing them, ends the demo.'
  while windows_run; do sleep 1; done
}

# The program leads a session of its own there; through its process group it can
# be ended even where the window cannot. A window that opens too late finds no
# folder any more, and closes.
open_window() {
  # shellcheck disable=SC2086,SC2016
  $terminal sh -c 'echo "-$$" >>"$0" && '"{ $in_terminal; }" "$scratch/groups" "$turno" "$@" &
  pids+=($!)
}

await_windows() {
  local tries=0 pid
  until [ "$(wc -l <"$scratch/groups")" -gt "${#members[@]}" ]; do
    # A terminal program may leave its window to another process, and end.
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
  local id what
  begin end_group
  echo "'1 x': process 1 asks for the critical section; '2 2': process 2 ticks; q ends."
  say_what_is_left_out
  start_group "${#members[@]}" 5s
  while read -r id what; do
    case $id in
      q) break ;;
      [1-9]*x) what=x id=${id%x} ;;
    esac
    if [ ! -p "$scratch/in.$id" ]; then
      [ -z "$id" ] || echo "There is no process '$id': type its number and x, as in '1 x'."
    elif ! kill -0 "${pids[id]}" 2>/dev/null; then
      echo "Process $id has ended."
    else
      tell "$id" "$what"
    fi
  done
}

# --- the three cases, unattended ---------------------------------------------

open_cases() {
  begin end_group
  echo 'A line is headed by its process, or by cs, the critical section.'
  say_what_is_left_out

  begin_case 'Case 1: 1 enters and leaves, then 2 asks.' 500ms
  tell 1 x
  await said '1| Process exited CS'
  tell 2 x
  await said '2| Process exited CS'
  end_case

  begin_case 'Case 2: 2 asks while 1 is in the critical section.' 2s
  tell 1 x
  await said '1| Process entered CS'
  tell 2 x
  await said '2| Process exited CS'
  end_case

  begin_case 'Case 3: 2 asks while 1 is in it, then 3 asks while 2 waits.' 2s
  tell 1 x
  await said '1| Process entered CS'
  tell 2 x
  await said '1| req<4,2> received'
  await said '2| reply<5,3> received'
  tell 3 x
  await said '3| Process exited CS'
  end_case
}

begin_case() {
  printf '\n%s\n\n' "$1"
  case_number=$((${case_number-0} + 1))
  trace="$scratch/case-$case_number"
  start_group 3 "$2"
  await all_heard
}

end_case() {
  await said 'interaction with cs ends' "$(grep -c '| Process exited CS' "$scratch/log")"
  end_group
  printf '\nThe order: '
  sed -n 's/^cs| \[PID: \([0-9]*\), Clock: \([0-9]*\)\] .* begins$/process \1 at clock \2/p' \
    "$scratch/log" | paste -s -d ';' - | sed 's/;/, then /g; s/$/./'
  draw_case
}

# Into the folder where cargo puts what it builds, which git passes over.
draw_case() {
  local file
  file=$(dirname "$turno")/turno-case-$case_number.svg
  "$turno" trace check "$trace" >/dev/null || fail "turno trace check $trace finds a fault"
  "$turno" trace draw "$trace" -o "$file" && printf 'Its diagram: %s\n' "$file"
}

# --- a group of plain processes that share one output ------------------------

# Begins the critical section and $1 processes that hold it for $2, pids[0] and
# pids[ID]. They read from named pipes, and all write to the one output. As jobs
# in the background they ignore Ctrl-C, and are ended in order.
start_group() {
  local id
  : >"$scratch/log"
  mkfifo "$scratch/out" || exit 1
  # With both ends open at first, no end waits for the other to be opened.
  # shellcheck disable=SC2094
  exec 3<>"$scratch/out" 4<"$scratch/out"
  show <&4 3>&- 4<&- &
  output=$!
  exec 3>"$scratch/out" 4<&-
  start_one /dev/null shared --listen ":$section_port" --label cs
  for ((id = 1; id <= $1; id++)); do
    mkfifo "$scratch/in.$id" || exit 1
    start_one "$scratch/in.$id" process "$id" "${members[@]}" \
      --shared ":$section_port" --hold "$2" --label "$id" ${trace:+--trace "$trace"}
  done
  await said 'critical section at' # of cs
  await said ' listens at ' "$1"
}

start_one() {
  local input=$1
  shift
  # Both ends of the pipe: so it has a writer for as long as there is a reader.
  "$turno" "$@" <>"$input" >&3 2>&3 3>&- &
  pids+=($!)
}

# Shows what the group says, but not what only keeps it together. Ctrl-C is not
# for this: the last words are still to come.
show() {
  trap '' INT
  tee -a "$scratch/log" | grep --line-buffered -vE \
    ': (hello|welcome)(,|$)| sent again to |: again, and still deferred'
}

say_what_is_left_out() {
  echo 'Left out are greetings (hello, welcome), by which they hear of each other, and'
  echo 'requests that are sent again while their reply is deferred.'
}

# Says $2 to process $1. It may have ended meanwhile: with both ends of its pipe
# there is no wait for it.
tell() {
  echo "$2" 1<>"$scratch/in.$1"
}

# Waits until this command says yes.
await() {
  local tries=0
  until "$@"; do
    kill -0 "$output" 2>/dev/null || exit # whoever read it has gone
    if ! all_run; then
      end_group # so that its words come before ours
      fail 'a program of the group has ended; see above. TURNO_PORT=20000 takes other ports'
    fi
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "waited in vain: $*"
    sleep 0.05
  done
}

# Whether the group has said this; $2 times, if that is given.
said() {
  [ "$(grep -cF -- "$1" "$scratch/log")" -ge "${2:-1}" ]
}

# Whether each of three processes has heard both others' clocks, and so may ask.
# (Of a large group not every greeting is told.)
all_heard() {
  local pairs='s/^\([0-9]*\)| reply<[0-9]*,\([0-9]*\)> .*: welcome.*/\1 \2/p'
  [ "$(sed -n "$pairs" "$scratch/log" | sort -u | wc -l)" -eq 6 ]
}

all_run() {
  local pid
  for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || return 1; done
}

# Processes before the critical section, and all before their output.
end_group() {
  # A signal may have come before the last that was started was noted.
  [ "${!-}" = "${output-}" ] || pids+=("$!")
  end_all
  exec 3>&- 4<&-
  [ -z "${output-}" ] || wait "$output" 2>/dev/null
  output=''
  rm -f "$scratch/out" "$scratch"/in.*
}

main "$@"
