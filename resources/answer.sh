#!/bin/sh
# A program in the guest for resources/channel.resource: it answers each line that comes through the virtio-serial channel $1.
#   {"data":X}         ->  {"result":X}
#   {"data":"refuse"}  ->  {"error":"refused as asked"}
#   anything else       ->  you said: anything else
exec 3<>"/dev/virtio-ports/$1" || exit 1
while :; do
  if ! read -r line <&3; then
    usleep 50000 # nobody has the channel open at the other end
    continue
  fi
  case $line in
    '{"data":"refuse"}') answer='{"error":"refused as asked"}' ;;
    '{"data":'*) answer="{\"result\":${line#'{"data":'}" ;;
    *) answer="you said: $line" ;;
  esac
  printf '%s\n' "$answer" >&3
done
