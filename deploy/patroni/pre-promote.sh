#!/bin/sh
# Patroni's pre_promote: asks slotcast whether this standby may be promoted. Patroni promotes when it ends with 0; with anything else it
# gives the leader key back, and this node stays out of the race for one ttl. docs/operating/patroni.md says which policy to choose.
#
#   pre-promote.sh [--slotcast COMMAND] [--config FILE] [--timeout SECONDS] [--when-unsafe abort|promote] [--when-unknown abort|promote]
#
# `slotcast prepare-promotion` ends with 0 when the promotion is safe, with 3 when slots or changes would be lost, and with anything else
# when it could not tell, for example because Kafka does not answer.
set -u

slotcast=slotcast
config=/etc/slotcast/slotcast.env
timeout=10
when_unsafe=abort
when_unknown=promote

say() {
  echo "slotcast pre_promote: $*" >&2
}

# A mistake in Patroni's configuration must show when the configuration is tried, and not stand in the way of a failover. So it counts as not knowing.
mistake() {
  say "$1; see the head of this script"
  mistaken=yes
}

mistaken=no
while [ $# -gt 0 ]; do
  if [ $# -lt 2 ]; then
    mistake "$1 is unknown, or has no value"
    break
  fi
  case $1 in
    --slotcast) slotcast=$2 ;;
    --config) config=$2 ;;
    --timeout)
      case $2 in
        '' | *[!0-9]* | 0*) mistake "--timeout is a number of seconds, not $2" ;;
        *) timeout=$2 ;;
      esac
      ;;
    --when-unsafe | --when-unknown)
      case $2 in
        abort | promote) ;;
        *) mistake "$1 is abort or promote, not $2" ;;
      esac
      case $1 in
        --when-unsafe) when_unsafe=$2 ;;
        *) when_unknown=$2 ;;
      esac
      ;;
    *) mistake "$1 is unknown" ;;
  esac
  shift 2
done

# Ends with what the policy says; a policy that cannot be read is the careful one.
decide() {
  if [ "$2" = promote ]; then
    say "$1: promoting all the same"
    exit 0
  fi
  say "$1: not promoting"
  exit 1
}

if [ "$mistaken" = yes ]; then
  decide 'could not ask slotcast' "$when_unknown"
fi

# There is no primary while this runs, so it is ended when slotcast does not end by itself.
timeout --kill-after=2 "$((timeout + 5))" "$slotcast" --config "$config" prepare-promotion --timeout "${timeout}s"
code=$?

case $code in
  0)
    say 'safe: promoting'
    exit 0
    ;;
  3) decide 'unsafe, see the list above' "$when_unsafe" ;;
  *) decide "could not tell whether it is safe (slotcast ended with $code)" "$when_unknown" ;;
esac
