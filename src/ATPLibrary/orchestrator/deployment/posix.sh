# What 'Deploy Agent' and 'Remove Agent' do in a Linux guest. Runs under dash and busybox, as `sh -c ... sh VERB DIRECTORY UNIT NAME`.
#
# The directory has agent.pyz, run (which starts it), token (where it has one), pid and log (where no systemd keeps it). A deployment's
# new files wait in .new-NAME. While they are tried the old ones are in .old-NAME, which is made whole before anything is changed: so
# `undo` knows after any interruption what there was. What answers a question goes to standard output as name=value.
verb=$1 dir=$2 unit=$3 name=$4
new=$dir/.new-$name old=$dir/.old-$name
service=${unit##*/}
files='agent.pyz run token'

has_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null 2>&1; }

# Numbers are used again: a process is ours if it runs our file.
is_ours() { grep -q "$dir/agent[.]pyz" "/proc/$1/cmdline" 2>/dev/null; }

running() {
  if [ -e "$unit" ] && has_systemd; then
    systemctl is-active -q "$service" && systemctl show -p MainPID "$service" | sed 's/.*=//'
    return
  fi
  pid=$(cat "$dir/pid" 2>/dev/null) && [ -n "$pid" ] && is_ours "$pid" && echo "$pid"
}

end() {
  if [ -e "$unit" ] && has_systemd; then
    systemctl stop "$service"
    return
  fi
  pid=$(running) || { rm -f "$dir/pid"; return 0; }
  kill -s TERM "$pid" 2>/dev/null
  tries=0
  while is_ours "$pid"; do
    tries=$((tries + 1))
    [ $tries -eq 50 ] && kill -s KILL "$pid" 2>/dev/null
    [ $tries -gt 80 ] && { echo "the agent that runs (process $pid) doesn't end" >&2; return 1; }
    sleep 0.1 2>/dev/null || sleep 1
  done
  rm -f "$dir/pid"
}

begin() {
  if [ -e "$unit" ] && has_systemd; then
    systemctl daemon-reload && systemctl enable -q "$service" && systemctl restart "$service"
    return
  fi
  own=
  command -v setsid >/dev/null 2>&1 && own=setsid
  # qemu-ga ends what it started with itself, but not what has a session of its own.
  $own /bin/sh "$dir/run" </dev/null >/dev/null 2>"$dir/log" &
  echo $! >"$dir/pid"
}

# What the installed agent calls itself. Its file says so as plain text: starting it only to be told would take memory for a third
# Python, and a small guest that has no room for that is busy for minutes, and answers nobody.
version() {
  said=$(grep -a -m 1 -o '^__version__ = "[^"]*"' "$dir/agent.pyz" 2>/dev/null)
  said=${said#*\"}
  if [ -n "$said" ]; then
    echo "atp-guest-agent ${said%\"}"
  elif [ -n "$python" ]; then
    "$python" -I -S "$dir/agent.pyz" --version 2>/dev/null
  fi
}

# The process that has a virtio-serial port open, by the port's name. The kernel lets one have it.
holder() {
  for port in /sys/class/virtio-ports/*; do
    [ "$(cat "$port/name" 2>/dev/null)" = "$1" ] || continue
    ls -l /proc/[0-9]*/fd 2>/dev/null |
      awk -v device="/dev/${port##*/}" '/^\/proc\/.*:$/ { split($0, part, "/") } $NF == device { print part[3]; exit }'
  done
}

# One deployment at a time: whose it is stands in .busy/by, and each of its steps makes .busy new. One that has had no step for five
# minutes has lost its owner.
busy=$dir/.busy
is_mine() { owner= whose=; read -r owner whose <"$busy/by"; [ "$owner" = "$name" ]; } 2>/dev/null
busy_by_another() {
  [ -d "$busy" ] && ! is_mine && [ -z "$(find "$busy" -maxdepth 0 -mmin +5 2>/dev/null)" ] || return 1
  echo "busy=${whose:-somebody who has just begun}"
}
take() {
  busy_by_another && exit 0
  rm -rf "$busy"
  mkdir "$busy" || { busy_by_another && exit 0; exit 1; }
  echo "$name $1" >"$busy/by"
}
give_back() { ! is_mine || rm -rf "$busy"; }

# An old deployment that nobody could end: its host died.
forget_leftovers() {
  find "$dir" -maxdepth 1 \( -name '.new-*' -o -name '.old-*' \) -mmin +60 -exec rm -rf {} + 2>/dev/null
  return 0
}

! is_mine || touch "$busy"
case $verb in
survey)
  # After NAME: the port, and the Pythons to try. DIRECTORY may be several, with ":" between; the first that has an agent, or can.
  port=$5
  shift 5
  found= can= ours=
  IFS=:
  for place in $dir; do
    [ -e "$place/agent.pyz" ] && { found=$place; break; }
    there=$place
    while [ ! -d "$there" ]; do there=${there%/*}; [ -n "$there" ] || there=/; done
    [ -z "$can" ] && [ -w "$there" ] && can=$place
  done
  echo "kernel=$(uname -s)"
  echo "user=$(id -u)"
  has_systemd && echo systemd=yes
  echo "directory=${found:-$can}"
  # A Python takes some 4 MB, and the pages of its program. Where there is no room for it the kernel does nothing but look for some.
  left=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo 2>/dev/null)
  if [ -n "$left" ] && [ "$left" -lt 8192 ]; then
    echo "memory=$left"
    exit 0
  fi
  IFS=
  for candidate in "$@"; do
    # What stands in the list as a pattern is one here.
    for path in $candidate; do
      case $path in */*) ;; *) path=$(command -v "$path") || continue ;; esac
      [ -x "$path" ] && [ ! -d "$path" ] || continue
      said=$("$path" -I -S -c 'import sys, select, fcntl, zlib; select.epoll; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
      echo "python=$path ${said:-?}"
      case $said in
      3.[89].* | 3.[1-9][0-9]*) python=$path; break 2 ;;
      esac
    done
  done
  unset IFS
  if [ -n "$found" ]; then
    dir=$found
    busy=$dir/.busy
    ours=$(running)
    echo "running=$ours"
    echo "version=$(version)"
    echo "installed=yes"
  fi
  [ -n "$found" ] || busy=$can/.busy
  busy_by_another
  pid=$(holder "$port")
  if [ -n "$pid" ] && [ "$pid" != "$ours" ]; then
    echo "holder=$pid ($(tr '\0' ' ' <"/proc/$pid/cmdline"))"
  fi
  exit 0
  ;;
stage)
  # After NAME: who deploys, in words.
  umask 022
  mkdir -p "$dir" || exit
  take "$5" || exit
  mkdir -m 700 "$new" || exit
  forget_leftovers
  ;;
try)
  # PYTHON after NAME, and an option: says what that asks, or why it can't.
  exec "$5" -I -S "$new/agent.pyz" "$6"
  ;;
switch)
  umask 077
  chmod 755 "$new/agent.pyz" "$new/run" || exit
  [ ! -e "$new/token" ] || chmod 600 "$new/token" || exit
  mkdir "$old.part" || exit
  for file in $files; do
    [ ! -e "$dir/$file" ] || ln "$dir/$file" "$old.part/$file" 2>/dev/null || cp -p "$dir/$file" "$old.part/$file" || exit
  done
  [ ! -e "$unit" ] || cp -p "$unit" "$old.part/unit" || exit
  [ -z "$(running)" ] || : >"$old.part/was-running" || exit
  mv "$old.part" "$old" || exit
  end || exit
  for file in $files; do
    if [ -e "$new/$file" ]; then mv -f "$new/$file" "$dir/$file" || exit; else rm -f "$dir/$file"; fi
  done
  if has_systemd; then
    chmod 644 "$new/unit" && cp -p "$new/unit" "$unit.new" && mv -f "$unit.new" "$unit" || exit
  fi
  begin
  ;;
undo)
  umask 077
  status=0
  if [ -d "$old" ]; then
    end || status=1
    for file in $files; do
      if [ -e "$old/$file" ]; then mv -f "$old/$file" "$dir/$file" || status=1; else rm -f "$dir/$file"; fi
    done
    if [ -e "$old/unit" ]; then
      cp -p "$old/unit" "$unit.new" && mv -f "$unit.new" "$unit" || status=1
    elif [ -e "$unit" ]; then
      has_systemd && systemctl disable -q "$service" 2>/dev/null
      rm -f "$unit"
      has_systemd && systemctl daemon-reload
    fi
    if [ -e "$old/was-running" ]; then begin || status=1; else rm -f "$dir/log"; fi
  fi
  rm -rf "$new" "$old" "$old.part" "$unit.new"
  give_back
  rmdir "$dir" 2>/dev/null
  exit $status
  ;;
finish)
  rm -rf "$new" "$old"
  give_back
  ;;
why)
  # What can be said of an agent that doesn't answer.
  pid=$(running) && echo "it runs as process $pid" || echo "it doesn't run"
  if [ -e "$unit" ] && has_systemd; then
    journalctl -q -n 4 -o cat -u "$service" 2>/dev/null
  else
    tail -n 4 "$dir/log" 2>/dev/null
  fi
  exit 0
  ;;
remove)
  busy_by_another && exit 0
  [ -e "$dir/agent.pyz" ] || [ -e "$unit" ] || { echo removed=; exit 0; }
  if [ -e "$unit" ]; then
    has_systemd && systemctl disable -q --now "$service"
    rm -f "$unit"
    has_systemd && systemctl daemon-reload
  fi
  end || exit
  for file in $files pid log; do rm -f "$dir/$file" || exit; done
  rm -rf "$dir"/.new-* "$dir"/.old-* "$busy"
  rmdir "$dir" 2>/dev/null
  echo "removed=$dir"
  ;;
esac
