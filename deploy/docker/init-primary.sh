#!/bin/bash
# Runs once in a new primary, as /docker-entrypoint-initdb.d: roles, a database with a table, and who may connect.
set -euo pipefail

psql --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
  --set slotcast_password="$SLOTCAST_ROLE_PASSWORD" --set replicator_password="$REPLICATOR_PASSWORD" <<'SQL'
create role replicator login replication password :'replicator_password';

create role slotcast login replication password :'slotcast_password';
grant pg_monitor to slotcast;
grant execute on function pg_log_standby_snapshot() to slotcast;
grant set on parameter log_min_messages to slotcast;

create database shop;
\connect shop
create table orders (id bigint generated always as identity primary key, placed timestamptz not null default now());
create publication shop for all tables;
SQL

# Streaming of the standby. Logical replication and slotcast match the line for all databases that the image adds.
echo 'host replication replicator all scram-sha-256' >> "$PGDATA/pg_hba.conf"
