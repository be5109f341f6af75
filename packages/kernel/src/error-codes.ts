import type { ExitCodeName } from './exit-code.ts';

/** What one error code means, what to do about it, and how the process ends because of it. */
export interface ErrorCodeRow {
  readonly exit: ExitCodeName;
  readonly meaning: string;
  readonly remedy: string;
}

/** Every error code of slotcast; one row each, listed in `docs/reference/errors.md`. */
export const errorCodes = {
  SC_USAGE: {
    exit: 'usage',
    meaning: 'The command line has an unknown command, flag or argument.',
    remedy: 'Run `slotcast --help`, or `slotcast <command> --help`.',
  },
  SC_CONFIG_INVALID: {
    exit: 'precondition',
    meaning: 'A setting is missing, malformed, unknown or contradicts another one.',
    remedy: 'Fix every line of the message; `slotcast config` checks the result.',
  },
  SC_KAFKA_UNREACHABLE: {
    exit: 'failed',
    meaning: 'No Kafka broker answered.',
    remedy:
      'Check that the brokers run, that KAFKA_BOOTSTRAP_SERVERS and their advertised.listeners are reachable from here, and that KAFKA_SECURITY_PROTOCOL and the credentials fit the listener.',
  },
  SC_KAFKA_DENIED: {
    exit: 'precondition',
    meaning:
      'The Kafka brokers refused this user: password, mechanism, or a permission (ACL) that is missing.',
    remedy:
      'Correct what the message names. The permissions that slotcast needs are in the documentation of the deployment.',
  },
  SC_REGISTRY_FAILED: {
    exit: 'failed',
    meaning: 'The schema registry could not be asked, or refused.',
    remedy: 'Check SLOTCAST_SCHEMA_REGISTRY_URL and the log of the registry.',
  },
  SC_TOPIC_MISSING: {
    exit: 'precondition',
    meaning: 'A topic that slotcast needs does not exist.',
    remedy: 'Run `slotcast topic create`; check SLOTCAST_CLUSTER and SLOTCAST_TOPIC_PREFIX.',
  },
  SC_TOPIC_PARTITIONS: {
    exit: 'precondition',
    meaning: 'A topic has several partitions, so its records have no common order.',
    remedy: 'Stop publisher and consumers, delete the topic, and run `slotcast topic create`.',
  },
  SC_TOPIC_CLEANUP_POLICY: {
    exit: 'precondition',
    meaning: "A topic's cleanup.policy is not exactly `compact`, so slot states would be deleted by age.",
    remedy: 'Set cleanup.policy=compact on the topic; `slotcast topic check` shows all differences.',
  },
  SC_TOPIC_REFUSED: {
    exit: 'precondition',
    meaning:
      'The Kafka brokers do not take a topic as slotcast makes it: its name, a setting, or a policy of theirs.',
    remedy:
      'Leave the setting that they name to its default with `slotcast topic create --without <setting>`, or have the topics made by an administrator; `slotcast topic check` compares.',
  },
  SC_TOPIC_RECREATED: {
    exit: 'precondition',
    meaning: 'The topic is not the one that was read before: it was deleted, recreated or truncated.',
    remedy:
      'Find out who did it. Nothing is dropped because of it; restart the publisher to write all slots anew, then the consumers.',
  },
  SC_OTHER_SYSTEM: {
    exit: 'precondition',
    meaning: 'The topic holds the slots of a PostgreSQL cluster with another system identifier.',
    remedy: 'Give each cluster its own SLOTCAST_CLUSTER, or create new topics after a new initdb.',
  },
  SC_HIGHER_TIMELINE: {
    exit: 'precondition',
    meaning:
      'The topic was already written by a primary on a higher timeline: this server is an old primary, or the other one is a copy.',
    remedy:
      'Decide first which server is the primary: the other one may be a copy that was promoted, as for a test. If this one was left behind, keep what only it has, and let it rejoin as a standby. The runbook is docs/operating/split-brain.md.',
  },
  SC_SPLIT_BRAIN: {
    exit: 'precondition',
    meaning: 'Two servers claim to be the primary of the same timeline.',
    remedy:
      'Decide which one is the primary before anything is done to either, as one may be a copy. If it is one server whose name changed, start it once with SLOTCAST_TAKE_OVER=true.',
  },
  SC_RESTORED_PRIMARY: {
    exit: 'precondition',
    meaning:
      'The topic was published further on this timeline than the WAL of the server goes: its data directory was restored to an older state.',
    remedy:
      'If that was not meant, stop the server and promote a standby, which has that WAL. If it was, rebuild the standbys from it, delete the slots topic, and run `slotcast topic create`.',
  },
  SC_UNKNOWN_NODE: {
    exit: 'precondition',
    meaning:
      'The server was promoted, and nothing is on record of its node as a standby of this cluster: it may be a copy.',
    remedy:
      'Give a copy a SLOTCAST_CLUSTER of its own. Only if the server is the primary now, start its publisher once with SLOTCAST_TAKE_OVER=true.',
  },
  SC_DUPLICATE_NODE: {
    exit: 'precondition',
    meaning:
      'Another process works under the name of this node: a newer one that took over from this one, or one beside another server, which goes on.',
    remedy: 'Stop one of the two, or give each server its own SLOTCAST_NODE.',
  },
  SC_HAND_OFF_OPEN: {
    exit: 'failed',
    meaning:
      'It is not on record what became of the slots when this server was promoted, so nothing is published.',
    remedy:
      'It is tried again, and passes with the hand-off. If it stays, look into the log for what keeps the hand-off from ending.',
  },
  SC_SUBSCRIBER_AHEAD: {
    exit: 'failed',
    meaning:
      'A subscriber is ahead of the primary that it is connected to: it skips, without an error, what is committed there before its position.',
    remedy:
      'It goes on. `slotcast status` tells what was done about its slot. Stop the subscriber and let it start over, as docs/operating/crash.md says, unless it was fenced.',
  },
  SC_PRIVILEGE_MISSING: {
    exit: 'precondition',
    meaning: 'The PostgreSQL role may not do what slotcast needs.',
    remedy:
      'ALTER ROLE … REPLICATION; GRANT pg_monitor TO …; GRANT EXECUTE ON FUNCTION pg_log_standby_snapshot() TO …',
  },
  SC_WAL_LEVEL: {
    exit: 'precondition',
    meaning: 'wal_level is below `logical`, so there can be no logical slots.',
    remedy: 'Set wal_level = logical on the primary and on the standbys, and restart the servers.',
  },
  SC_POSTGRES_UNREACHABLE: {
    exit: 'failed',
    meaning: 'The PostgreSQL server did not accept a connection.',
    remedy:
      'Check that the server runs, SLOTCAST_POSTGRES_URL (or PGHOST, PGPORT, PGUSER, PGDATABASE), the password and pg_hba.conf.',
  },
  SC_POSTGRES_DENIED: {
    exit: 'precondition',
    meaning:
      'The PostgreSQL server refused the connection: user, password, pg_hba.conf, certificate, options or a login trigger.',
    remedy:
      "Correct what the message names. A line of pg_hba.conf must name the database or `all`; the keyword `replication` does not match slotcast's sessions.",
  },
  SC_POSTGRES_POOLED: {
    exit: 'precondition',
    meaning: 'A connection pooler such as PgBouncer is between slotcast and the PostgreSQL server.',
    remedy:
      'Connect to the server directly: walsender sessions, temporary slots and session settings need a session of their own.',
  },
  SC_POSTGRES_FAILED: {
    exit: 'failed',
    meaning: 'A statement failed on the PostgreSQL server.',
    remedy: 'It is tried again. If it stays, look into the log of the server.',
  },
  SC_SERVER_UNSUPPORTED: {
    exit: 'precondition',
    meaning: 'The major version of the PostgreSQL server is not supported.',
    remedy: 'Use PostgreSQL 16, 17 or 18.',
  },
  SC_DATA_FOLDER: {
    exit: 'precondition',
    meaning:
      'The folder is not the data directory of a PostgreSQL server from 13 to 18, or a file in it is missing, damaged or out of reach.',
    remedy:
      'Check the path: it is what `SHOW data_directory` says. If a file is damaged, restore the server or make the standby anew first.',
  },
  SC_SERVER_RUNNING: {
    exit: 'precondition',
    meaning:
      'The PostgreSQL server of the data directory runs, or may run, and files are written below a stopped one only.',
    remedy:
      'Stop the server. If it is sure that no process of it is left, on this machine or another, remove its postmaster.pid.',
  },
  SC_SLOT_EXISTS: {
    exit: 'negative',
    meaning:
      'The data directory has a slot of that name, which is not to be replaced or has changed meanwhile.',
    remedy:
      'If nobody needs it, start the server, drop it there, stop the server, and run the command again.',
  },
  SC_REBUILD_REFUSED: {
    exit: 'precondition',
    meaning:
      'Slots cannot be put into this data directory without the risk of lost changes. Nothing was changed.',
    remedy: 'Do what the message says, and run slotcast rebuild again.',
  },
  SC_INSTALL_FAILED: {
    exit: 'failed',
    meaning:
      'A slot could not be written into the data directory; nothing of it stays there, and the server still starts.',
    remedy: 'Remove what the message names, and run the command again.',
  },
  SC_NO_MANIFEST: {
    exit: 'failed',
    meaning: 'No publisher has written to the slots topic yet, so nothing is known of the cluster.',
    remedy:
      'Start `slotcast publisher` beside the primary; check SLOTCAST_CLUSTER and SLOTCAST_TOPIC_PREFIX.',
  },
  SC_RECORD_MALFORMED: {
    exit: 'failed',
    meaning:
      'A record of a topic has a key, header or value that slotcast cannot have written, or turns the clock back.',
    remedy:
      'The record is skipped and counted. Find out who writes to the topic (`slotcast events` shows the offset) and take the ACL away.',
  },
  SC_NOT_A_STANDBY: {
    exit: 'precondition',
    meaning: 'The command is for a standby, and this server is a primary.',
    remedy: 'Run it on the standby, with the settings of that node; `slotcast status` shows the roles.',
  },
  SC_NOT_FOLLOWING: {
    exit: 'failed',
    meaning: 'The consumer of this node does not follow the topics at the moment.',
    remedy: 'Look at its /readyz and its log, and try again.',
  },
  SC_OTHER_NODE: {
    exit: 'precondition',
    meaning: 'The consumer that answered belongs to another node or cluster.',
    remedy: 'Set SLOTCAST_HTTP_LISTEN to the address of the consumer of this node, or to `off`.',
  },
  SC_NOT_PUBLISHING: {
    exit: 'failed',
    meaning:
      'The command is for the publisher that holds the slots topic, and the one of this node does not.',
    remedy:
      'Run it beside the primary, with the settings of that node; `slotcast status` says which one publishes.',
  },
  SC_NOT_ORPHANED: {
    exit: 'negative',
    meaning: 'There is no orphaned slot of that name, so nothing was given up.',
    remedy: '`slotcast status` lists the orphaned slots.',
  },
  SC_ADOPT_REFUSED: {
    exit: 'negative',
    meaning: 'The slot cannot be adopted without losing changes.',
    remedy: 'Do what the message says, then try again.',
  },
  SC_RELEASE_REFUSED: {
    exit: 'negative',
    meaning: "What has the name is no placeholder of a quarantined slot, so it may be somebody's.",
    remedy: 'Look at it in pg_replication_slots. If nobody needs it, drop it there.',
  },
  SC_CONTROL_DENIED: {
    exit: 'precondition',
    meaning: 'The HTTP endpoint of a consumer takes commands from its own machine, or with its token, only.',
    remedy: 'Run the command beside the consumer, or give both the same SLOTCAST_HTTP_TOKEN.',
  },
  SC_HTTP_LISTEN: {
    exit: 'failed',
    meaning: 'The HTTP endpoint could not listen on its address.',
    remedy: 'Set SLOTCAST_HTTP_LISTEN to a free address, or to `off`.',
  },
  SC_UNEXPECTED: {
    exit: 'failed',
    meaning: 'An error that slotcast has no code for: probably a defect.',
    remedy: 'Report it with the log; a restart may help.',
  },
} as const satisfies Record<string, ErrorCodeRow>;

export type ErrorCode = keyof typeof errorCodes;
