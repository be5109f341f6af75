#!/bin/sh
# Patroni's pre_promote: asks slotcast whether this standby may be promoted. Patroni promotes when it ends with 0; with anything else it
# gives the leader key back, and this node stays out of the race for one ttl. docs/operating/patroni.md says which policy to choose.
#
#   pre-promote.sh [--slotcast COMMAND] [--config FILE] [--timeout SECONDS] [--policy strict|balanced|never] [--when-unknown abort|promote]
#
# `slotcast prepare-promotion` ends with 0 when nothing that the policy minds would be lost, with 3 when something would be, and with anything else
# when it could not tell, for example because Kafka does not answer.
set -u

slotcast=slotcast
config=/etc/slotcast/slotcast.env
timeout=10
policy=balanced
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
    --policy)
      case $2 in
        strict | balanced | never) policy=$2 ;;
        *) mistake "--policy is strict, balanced or never, not $2" ;;
      esac
      ;;
    --when-unknown)
      case $2 in
        abort | promote) ;;
        *) mistake "--when-unknown is abort or promote, not $2" ;;
      esac
      when_unknown=$2
      ;;
    *) mistake "$1 is unknown" ;;
  esac
  shift 2
done

# Nothing is known; a word that cannot be read is the careful one.
not_knowing() {
  if [ "$when_unknown" = promote ]; then
    say "$1: promoting all the same"
    exit 0
  fi
  say "$1: not promoting"
  exit 1
}

if [ "$mistaken" = yes ]; then
  not_knowing 'could not ask slotcast'
fi

# There is no primary while this runs, so it is ended when slotcast does not end by itself.
timeout --kill-after=2 "$((timeout + 5))" "$slotcast" --config "$config" prepare-promotion --timeout "${timeout}s" --policy "$policy"
code=$?

case $code in
  0)
    say "nothing that the policy $policy minds would be lost: promoting"
    exit 0
    ;;
  3)
    say "something would be lost that the policy $policy minds, see the list above: not promoting"
    exit 1
    ;;
  *) not_knowing "could not tell whether it is safe (slotcast ended with $code)" ;;
esac
