#!/usr/bin/env bash
# Records the picture of the README, docs/session.svg: three agents, and
# terminals in which turno lock and turno status are typed.
#
#   scripts/record-readme-picture.sh [FILE]
#
# alpha, beta and gamma are three addresses of this host, in a network of the
# script's own. Run it again when a message in the picture has changed.
set -euo pipefail
cd "$(dirname "$0")/.."

columns=112 rows=24

main() {
  local tool picture=${1:-docs/session.svg}
  for tool in tmux unshare ip cargo; do
    command -v "$tool" >/dev/null || {
      echo "this needs $tool" >&2
      exit 1
    }
  done
  cargo build --locked --bin turno
  scratch=$(mktemp -d)
  trap 'rm -rf "$scratch"' EXIT
  mkdir "$scratch/bin"
  ln -s "$(cargo metadata --no-deps --format-version 1 |
    sed 's/.*"target_directory":"\([^"]*\)".*/\1/')/debug/turno" "$scratch/bin/turno"
  printf '127.0.0.1 localhost alpha\n127.0.0.2 beta\n127.0.0.3 gamma\n' >"$scratch/hosts"
  export scratch columns rows
  unshare --map-root-user --mount --net --pid --fork --kill-child "$PWD/${BASH_SOURCE[0]#"$PWD"/}" --inside
  draw "$scratch"/{1-alpha,2-beta,3-gamma,4-alpha}.txt >"$picture"
  echo "$picture"
}

# In namespaces of its own: the three machines and their terminals.
inside() {
  mount --bind "$scratch/hosts" /etc/hosts
  ip link set lo up
  export PATH="$scratch/bin:$PATH"
  unset TMUX TURNO_SOCKET
  cd "$scratch"
  local host id=0 members=(alpha:7001 beta:7001 gamma:7001)
  turno key turno.key
  for host in alpha beta gamma; do
    id=$((id + 1))
    mkdir "$host"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\necho "backing up, with token $TURNO_TOKEN"\nsleep 6\n' >"$host/backup"
    chmod +x "$host/backup"
    # shellcheck disable=SC2016
    printf 'PS1="%s\\$ "\nexport TURNO_SOCKET=turno.sock\n' "$host" >"$host/rc"
    (cd "$host" && exec turno agent --id "$id" "${members[@]}" --key ../turno.key \
      --state turno-state --failover 10s --socket turno.sock 2>log) &
  done
  until [ -S gamma/turno.sock ]; do sleep 0.1; done
  # A first entry waits until all members have heard each other.
  (cd gamma && turno lock --socket turno.sock nightly -- true)

  terminal 1-alpha
  terminal 2-beta
  terminal 3-gamma
  terminal 4-alpha
  type_in 1-alpha 'turno lock nightly -- ./backup'
  shows 1-alpha '^backing up'
  type_in 2-beta 'turno lock nightly -- ./backup'
  shows 2-beta 'waiting 2 s'
  type_in 4-alpha 'turno status'
  type_in 3-gamma 'turno lock -n nightly -- ./backup; echo "exit code $?"'
  shows 3-gamma '^exit code 124'
  shows 2-beta '^backing up'
  # The prompt after the command.
  shows 2-beta '^beta[$]$'
  for host in 1-alpha 2-beta 3-gamma 4-alpha; do
    screen "$host" >"$host.txt"
  done
}

# Opens a terminal on the machine that it is named after.
terminal() {
  tmux -S tmux -u -f /dev/null new-session -d -s "$1" -x "$columns" -y "$rows" -c "$scratch/${1#*-}" \
    bash --noprofile --rcfile rc -i
  shows "$1" '[$]'
}

type_in() { tmux -S tmux send-keys -t "$1" "$2" Enter; }

screen() { tmux -S tmux capture-pane -p -t "$1"; }

shows() {
  local tries=0
  until screen "$1" | grep -q "$2"; do
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || {
      echo "$1 never shows '$2':" >&2
      screen "$1" >&2
      exit 1
    }
    sleep 0.1
  done
}

# Draws what the terminals show, one below the other, without the last prompt.
draw() {
  awk -v columns="$columns" '
    BEGIN { char = 8.4; line = 19; margin = 14; bar = 26; gap = 12 }
    FNR == 1 {
      panes++
      name = FILENAME
      gsub(/.*-|[.]txt$/, "", name)
      title[panes] = name (seen[name]++ ? ", in another terminal" : "")
    }
    { text[panes, FNR] = $0; if ($0 !~ /^([a-z]+[$] *)?$/) lines[panes] = FNR }
    function escaped(s) {
      gsub(/&/, "\\&amp;", s); gsub(/</, "\\&lt;", s); gsub(/>/, "\\&gt;", s)
      return s
    }
    function put(x, y, class, s) {
      if (s == "") return
      printf "<text x=\"%.1f\" y=\"%d\" class=\"%s\" textLength=\"%.1f\" lengthAdjust=\"spacingAndGlyphs\" xml:space=\"preserve\">%s</text>\n",
        x, y, class, length(s) * char, escaped(s)
    }
    END {
      width = int(columns * char + 2 * margin)
      height = gap
      for (p = 1; p <= panes; p++) height += bar + lines[p] * line + margin + gap
      printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" height=\"%d\" role=\"img\">\n",
        width + 2 * gap, height, width + 2 * gap, height
      print "<title>Three machines, and turno lock and turno status on them</title>"
      print "<style>text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, \"DejaVu Sans Mono\", monospace; fill: #d8dee9 }"
      print ".title { fill: #9aa5b5 } .prompt { fill: #8fd18f } .turno { fill: #ffd479 } .typed { fill: #ffffff; font-weight: bold }</style>"
      y = gap
      for (p = 1; p <= panes; p++) {
        tall = bar + lines[p] * line + margin
        printf "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"6\" fill=\"#1c2128\" stroke=\"#444c56\"/>\n", gap, y, width, tall
        put(gap + margin, y + 18, "title", title[p])
        for (i = 1; i <= lines[p]; i++) {
          row = text[p, i]
          at = y + bar + i * line - 3
          if (match(row, /^[a-z]+[$] /)) {
            put(gap + margin, at, "prompt", substr(row, 1, RLENGTH - 1))
            put(gap + margin + RLENGTH * char, at, "typed", substr(row, RLENGTH + 1))
          } else put(gap + margin, at, row ~ /^turno: / ? "turno" : "plain", row)
        }
        y += tall + gap
      }
      print "</svg>"
    }' "$@"
}

if [ "${1-}" = --inside ]; then inside; else main "$@"; fi
