#!/usr/bin/env bash
# terminal.sh REHOME SOURCE: makes the captures in docs/terminal.md again, in tmux, with the program REHOME. SOURCE is a
# repository on this machine with some ten thousand commits; it is shown as ada/socm.git of a server on loopback.
set -euo pipefail

rehome=$(realpath "$1") source=$(realpath "$2")
page=$(dirname "$(realpath "$0")")/terminal.md
work=$(mktemp -d)
port=8080 url=http://127.0.0.1:8080/ada
server= screens=0
mux() { tmux -S "$work/tmux-$screens" -u -f /dev/null "$@"; }
done_with() {
  mux kill-server 2>/dev/null || true
  [[ -z $server ]] || kill "$server" 2>/dev/null || true
  wait
  rm -rf "$work"
}
trap done_with EXIT

# A server on loopback is the old home, and a new one.
token=rht_$(od -An -N20 -tx1 /dev/urandom | tr -d ' \n')
mkdir -p "$work/bin" "$work/home" "$work/here"
ln -s "$rehome" "$work/bin/rehome"
export PATH=$work/bin:$PATH HOME=$work/home XDG_STATE_HOME=$work/home/state LC_ALL=C.UTF-8
REHOME_ADMIN_TOKEN=$token rehome serve --data "$work/data" --listen 127.0.0.1:$port >"$work/log" 2>&1 &
server=$!
until grep -q '^listening' "$work/log"; do kill -0 $server; sleep 0.1; done
ada=$(REHOME_DATA=$work/data rehome token create --user ada 2>/dev/null)
export REHOME_DEST_PASSWORD=$ada
rehome import --quiet "$source" $url/socm.git --dest-user ada --create --visibility public
git init -q "$work/small" && git -C "$work/small" -c user.name=Ada -c user.email=ada@old.example commit -q --allow-empty -m 'first'
for name in docs tools site; do rehome import --quiet "$work/small" $url/$name.git --dest-user ada --create --visibility public; done
rehome authors "$source" | awk '!/^#/ && !n++' | sed 's/^[^<]*<[^>]*>/Ada King <ada@new.example>/' >"$work/here/authors.txt"
printf 'source,destination\n' >"$work/here/list.csv"
for name in docs socm gone tools site; do echo "$url/$name.git,new/$name.git" >>"$work/here/list.csv"; done

# screen COLUMNS: a fresh terminal; press TEXT: a command line; shows PATTERN: waits until the screen has it; capture NAME: keeps what it shows.
screen() {
  mux kill-server 2>/dev/null || true
  screens=$((screens + 1))
  mux new-session -d -x "$1" -y 40 -c "$work/here" env TERM=screen PS1='$ ' bash --norc --noprofile
  shows '^\$'
}
press() { mux send-keys -l "$1"; mux send-keys Enter; }
shows() {
  for _ in $(seq 1200); do
    if mux capture-pane -p | grep -qE -- "$1"; then return; fi
    sleep 0.05
  done
  echo "the screen never shows $1:" >&2
  mux capture-pane -p >&2
  exit 1
}
capture() { mux capture-pane -p | sed -e 's/ *$//' | sed -e :a -e '/^\n*$/{$d;N;ba' -e '}' >"$work/capture-$1"; }
clear() { rm -rf "$work/here"/*.git "$work/here/new"; }

# move COLUMNS: one import, in the middle and at the end.
move() {
  screen "$1"
  press "rehome import $url/socm.git socm.git --authors authors.txt"
  shows 'fetch.* [2-8][0-9]%'
  capture "middle-$1"
  shows 'next  '
  capture "end-$1"
  clear
}
move 80
move 200
move 40

screen 80
press "rehome import $url/socm.git $url/moved.git --dest-user ada --create --state moves"
shows 'push.* [2-8][0-9]%'
capture push-middle
shows 'next  '
capture push-end
screen 80
press "rehome import $url/socm.git $url/moved.git --dest-user ada --state moves"
shows 'next  '
capture again

screen 80
press "rehome import $url/socm.git socm.git"
shows 'fetch.* [2-8][0-9]%'
mux send-keys C-c
shows '^ {8}rehome import'
capture interrupt
clear

screen 80
press "rehome import $url/gone.git gone.git"
shows '^rehome:'
shows '^\$ *$'
capture error

screen 80
press 'rehome batch list.csv --parallel 3'
shows 'socm\.git +fetch .* [2-8][0-9]%'
capture batch-middle
shows 'failed$'
shows '^rehome:'
shows '^\$ *$'
capture batch-end

# Each block of the page behind a line that names its capture is that capture.
awk -v from="$work/capture-" '
  /^<!-- capture / { print; file = from $3; getline; print; while ((getline line < file) > 0) print line; skip = 1; next }
  skip && /^```$/ { skip = 0 }
  !skip { print }
' "$page" >"$work/page"
cat "$work/page" >"$page"
