#!/bin/bash
# Starts PostgreSQL. With UPSTREAM set and an empty data directory, it first becomes a standby of that server, with a physical slot
# on it that is named after this node.
set -euo pipefail

if [ -n "${UPSTREAM:-}" ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  slot="${NODE}_stream"
  export PGPASSWORD="$REPLICATOR_PASSWORD"
  psql --set ON_ERROR_STOP=1 --host "$UPSTREAM" --username replicator --dbname postgres --set slot="$slot" <<'SQL'
select pg_create_physical_replication_slot(:'slot', true)
 where not exists (select from pg_replication_slots where slot_name = :'slot');
SQL
  install --directory --owner postgres --group postgres --mode 0700 "$PGDATA"
  gosu postgres pg_basebackup --host "$UPSTREAM" --username replicator --pgdata "$PGDATA" --slot "$slot" \
    --write-recovery-conf --checkpoint fast
  unset PGPASSWORD
fi

exec docker-entrypoint.sh "$@"
