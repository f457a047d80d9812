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
ticks its clock, q quits.

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
      --in) place=${2-nothing}; [ $# -gt 1 ] && shift ;;
      --in=*) place=${1#--in=} ;;
      [1-9] | [1-9][0-9]) count=$1 ;;
      *) usage >&2; fail "what is '$1'? N is a number from 1 to 99" 2 ;;
    esac
    shift
  done
  case $place in
    tmux | windows | here) ;;
    '') best_place ;;
    *) fail "--in takes tmux, windows or here, not '$place'" 2 ;;
  esac

  cd "$(dirname "$0")/.." || exit 1
  build
  section_port=${TURNO_PORT:-10000}
  members=()
  local id
  for ((id = 1; id <= count; id++)); do members+=(":$((section_port + id))"); done

  if [ -n "$cases" ]; then
    play_cases
  else
    open_"$place"
  fi
}

build() {
  command -v cargo >/dev/null 2>&1 || fail \
    'there is no cargo, which builds turno: get it from https://rustup.rs, then start this again'
  cargo build --locked || fail 'the build failed'
  turno=$PWD/${CARGO_TARGET_DIR:-target}/debug/turno
  case ${CARGO_TARGET_DIR-} in /*) turno=$CARGO_TARGET_DIR/debug/turno ;; esac
}

# Sets the place: the best there is.
best_place() {
  if [ ! -t 0 ] || [ ! -t 1 ]; then
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

# --- one pane each, in a tmux of its own -------------------------------------

open_tmux() {
  command -v tmux >/dev/null 2>&1 || fail 'there is no tmux; try --in here'
  server=turno-demo-$$
  trap 'tmux -L "$server" kill-server 2>/dev/null' EXIT
  trap 'exit 130' INT TERM HUP
  unset TMUX # inside another tmux this is one more
  local id stays='|| { printf "Enter closes this. "; read -r _; }'
  tmux -L "$server" -u -f /dev/null new-session -d -s demo -n turno \
    -x "$(tput cols)" -y "$(tput lines)" \
    "$turno shared --listen :$section_port $stays" \
    \; set -g mouse on \
    \; set -g status-left '' \; set -g status-right '' \
    \; set -g window-status-current-format \
    ' turno: click a pane or press Alt-arrow to go to it, F10 ends the demo ' \
    \; bind -n F10 kill-session \
    \; bind -n M-Left select-pane -L \; bind -n M-Right select-pane -R \
    \; bind -n M-Up select-pane -U \; bind -n M-Down select-pane -D \
    || fail 'tmux does not start; try --in here'
  for ((id = 1; id <= ${#members[@]}; id++)); do
    tmux -L "$server" split-window -t demo \
      "$turno process $id ${members[*]} --shared :$section_port $stays" \
      \; select-layout -t demo tiled >/dev/null \
      || fail "there is no room for $id panes: a larger terminal, or fewer processes"
  done
  tmux -L "$server" select-pane -t demo:0.1
  tmux -L "$server" attach-session -t demo
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
  start_scratch
  open_window "$terminal" shared --listen ":$section_port"
  for ((id = 1; id <= ${#members[@]}; id++)); do
    open_window "$terminal" process "$id" "${members[@]}" --shared ":$section_port"
  done
  echo 'The windows are open: press x in one. Ctrl-C here, or closing them, ends the demo.'
  wait
}

open_window() {
  local terminal=$1
  shift
  # The program leads a session of its own there; through its process group it
  # can be ended even where the window cannot.
  # shellcheck disable=SC2086,SC2016
  $terminal sh -c 'echo "-$$" >>"$0"; "$@" || { printf "Enter closes this. "; read -r _; }' \
    "$scratch/pids" "$turno" "$@" &
}

# --- all in this terminal ----------------------------------------------------

open_here() {
  local id what
  start_scratch
  echo "'1 x': process 1 asks for the critical section; '2 2': process 2 ticks; q ends."
  start_group "${#members[@]}" 5s
  while read -r id what; do
    case $id in
      q) break ;;
      [1-9]*x) what=x id=${id%x} ;;
    esac
    if [ -p "$scratch/in.$id" ]; then
      echo "$what" >>"$scratch/in.$id"
    elif [ -n "$id" ]; then
      echo "There is no process '$id': type its number and x, as in '1 x'."
    fi
  done
  end_group
}

# --- the three cases, unattended ---------------------------------------------

play_cases() {
  start_scratch
  members=(":$((section_port + 1))" ":$((section_port + 2))" ":$((section_port + 3))")
  echo 'A line is headed by its process, or by cs, the critical section. Requests that'
  echo 'are sent again while their reply is deferred are left out.'

  begin_case 'Case 1: 1 enters and leaves, then 2 asks.' 500ms
  tell 1 x
  await '1| Process exited CS'
  tell 2 x
  await '2| Process exited CS'
  end_case

  begin_case 'Case 2: 2 asks while 1 is in the critical section.' 2s
  tell 1 x
  await '1| Process entered CS'
  tell 2 x
  await '2| Process exited CS'
  end_case

  begin_case 'Case 3: 2 asks while 1 is in it, then 3 asks while 2 waits.' 2s
  tell 1 x
  await '1| Process entered CS'
  tell 2 x
  await '1| req<4,2> received'
  await '2| reply<5,3> received'
  tell 3 x
  await '3| Process exited CS'
  end_case
}

begin_case() {
  printf '\n%s\n\n' "$1"
  : >"$scratch/log"
  start_group 3 "$2"
}

end_case() {
  await_count "$(grep -c '| Process exited CS' "$scratch/log")" 'interaction with cs ends'
  end_group
  printf '\nThe order: '
  sed -n 's/^cs| \[PID: \([0-9]*\), Clock: \([0-9]*\)\] .* begins$/process \1 at clock \2/p' \
    "$scratch/log" | paste -s -d ';' - | sed 's/;/, then /g; s/$/./'
}

tell() {
  echo "$2" >>"$scratch/in.$1"
}

await() {
  await_count 1 "$1"
}

# Waits until the log has so many lines with this in them.
await_count() {
  local tries=0
  until [ "$(grep -cF -- "$2" "$scratch/log")" -ge "$1" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || fail "waited for '$2' in vain"
    all_run || fail 'a program of the group has ended; see above. TURNO_PORT=20000 takes other ports'
    sleep 0.05
  done
}

all_run() {
  local pid
  while read -r pid; do
    kill -0 "$pid" 2>/dev/null || return 1
  done <"$scratch/pids"
}

# --- a group of plain processes that share one output ------------------------

start_scratch() {
  scratch=$(mktemp -d "${TMPDIR:-/tmp}/turno-demo.XXXXXX") || fail 'no temporary folder'
  : >"$scratch/pids"
  : >"$scratch/log"
  trap end_scratch EXIT
  trap 'exit 130' INT TERM HUP
}

end_scratch() {
  end_group
  rm -rf "$scratch"
}

# Begins the critical section and $1 processes that hold it for $2. They read
# from named pipes, and all write to the one output.
start_group() {
  local id
  exec 3> >(tee -a "$scratch/log" | without_repetitions)
  output=$!
  start_one /dev/null shared --listen ":$section_port" --label cs
  for ((id = 1; id <= $1; id++)); do
    mkfifo "$scratch/in.$id"
    start_one "$scratch/in.$id" process "$id" "${members[@]}" \
      --shared ":$section_port" --hold "$2" --label "$id"
  done
  # The group's lines are there when the last has begun.
  await_count $(($1 + 1)) 'critical section'
}

without_repetitions() {
  while IFS= read -r line; do
    case $line in
      *' sent again to '* | *'already in the reply queue') ;;
      *) printf '%s\n' "$line" ;;
    esac
  done
}

start_one() {
  local input=$1
  shift
  # Both ends of the pipe: so it has a writer for as long as there is a reader.
  "$turno" "$@" <>"$input" >&3 2>&3 &
  echo $! >>"$scratch/pids"
}

# Ends what was started, processes before the critical section, and waits for
# their last words.
end_group() {
  local pid
  while read -r pid; do
    kill -TERM -- "$pid" 2>/dev/null
    wait "${pid#-}" 2>/dev/null
  done < <(sed '1!G;h;$!d' "$scratch/pids" 2>/dev/null)
  : >"$scratch/pids"
  rm -f "$scratch"/in.*
  exec 3>&-
  [ -z "${output-}" ] || wait "$output" 2>/dev/null
  output=''
}

main "$@"
