import { logLevels } from '@slotcast/kernel';
import { z } from 'zod';
import {
  boolean,
  bytes,
  decimal,
  duration,
  durationOrOff,
  integer,
  list,
  listenAddress,
  matching,
  nodeName,
  oneOf,
  plainText,
  slotFilters,
  topicNamePart,
  url,
} from './setting-types.ts';

/** Who reads the configuration: one of the services, where `node` is publisher and consumer in one, or a command that is run by hand. */
export const services = ['node', 'publisher', 'consumer', 'cli'] as const;
export type Service = (typeof services)[number];

const kafkaSecurityProtocols = ['PLAINTEXT', 'SSL', 'SASL_PLAINTEXT', 'SASL_SSL'] as const;
const kafkaSaslMechanisms = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;
/** The values that node-postgres reads. */
const postgresSslModes = ['disable', 'prefer', 'require', 'verify-ca', 'verify-full', 'no-verify'] as const;
const onConflictPolicies = ['report', 'replace'] as const;
const onDivergencePolicies = ['fence', 'quarantine'] as const;

/** What is declared about one setting besides its type. */
export interface Setting {
  /** Name of the variable. */
  readonly name: string;
  /** Text that stands when nothing is set: the same for all services, one for each, or (`host name`) taken from the machine. */
  readonly default?: string | Readonly<Record<Service, string>> | typeof hostNameDefault;
  readonly help: string;
  /** How much of the value is a secret: all of it, or the password in a URL. */
  readonly secret?: 'value' | 'url';
  /** Empty text is a value of its own; elsewhere it counts as not set, as Docker Compose passes unset variables. */
  readonly emptyIsValue?: boolean;
}

/** Marks the one default that depends on the machine. */
const hostNameDefault = { hostName: true } as const;

const declarations = z.registry<Setting>();

/** Declares one row. The type is copied, as the registry tells rows apart by it. */
function setting<T extends z.ZodType>(type: T, declaration: Setting): T {
  const own = type.clone();
  declarations.add(own, declaration);
  return own;
}

/** The table: every setting with its type, in the order in which it is documented. Unknown settings are errors. */
export const configSchema = z.strictObject({
  cluster: setting(topicNamePart, {
    name: 'SLOTCAST_CLUSTER',
    help: 'Name of the cluster: one primary and its physical standbys. Part of the topic names.',
  }),
  node: setting(nodeName, {
    name: 'SLOTCAST_NODE',
    default: hostNameDefault,
    help: 'Name of this server, unique in the cluster.',
  }),
  postgresUrl: setting(
    matching('a URL such as postgresql://user@host:5432/database', /^postgres(ql)?:\/\//).optional(),
    {
      name: 'SLOTCAST_POSTGRES_URL',
      secret: 'url',
      help: "URL of this node's own server, with parameters as libpq has them (`sslmode`, `sslrootcert`, `sslcert`, `sslkey`, …). This or `PGHOST` is needed by node, publisher and consumer.",
    },
  ),
  pgHost: setting(plainText.optional(), {
    name: 'PGHOST',
    help: 'Host, or directory of the Unix socket. One host only.',
  }),
  pgHostAddr: setting(plainText.optional(), {
    name: 'PGHOSTADDR',
    help: 'Numeric address to connect to in place of looking the host up.',
  }),
  pgPort: setting(integer({ min: 1, max: 65_535 }).optional(), { name: 'PGPORT', help: 'Port.' }),
  pgUser: setting(plainText.optional(), { name: 'PGUSER', help: 'Role.' }),
  pgPassword: setting(plainText.optional(), {
    name: 'PGPASSWORD',
    secret: 'value',
    help: 'Password; a password file is the safer place.',
  }),
  pgDatabase: setting(plainText.optional(), {
    name: 'PGDATABASE',
    help: 'Database for the queries that need no certain one.',
  }),
  pgPassfile: setting(plainText.optional(), {
    name: 'PGPASSFILE',
    help: 'Password file; `~/.pgpass` when not set.',
  }),
  pgSslmode: setting(oneOf(postgresSslModes).optional(), {
    name: 'PGSSLMODE',
    help: 'TLS: every value but `disable` and `no-verify` verifies certificate and name, which is stricter than libpq.',
  }),
  pgSslrootcert: setting(plainText.optional(), {
    name: 'PGSSLROOTCERT',
    help: 'PEM file with the certificate authorities of the server.',
  }),
  pgSslcert: setting(plainText.optional(), {
    name: 'PGSSLCERT',
    help: 'PEM file with the client certificate; needs `PGSSLKEY`.',
  }),
  pgSslkey: setting(plainText.optional(), {
    name: 'PGSSLKEY',
    help: 'PEM file with the private key of the client certificate.',
  }),
  pgOptions: setting(plainText.optional(), {
    name: 'PGOPTIONS',
    help: "Command-line options for the server's session.",
  }),
  pgAppname: setting(plainText.optional(), {
    name: 'PGAPPNAME',
    help: '`application_name`; `slotcast-publisher` and `slotcast-consumer` when not set.',
  }),
  pgConnectTimeout: setting(integer({ min: 0, max: 3600 }).optional(), {
    name: 'PGCONNECT_TIMEOUT',
    help: 'Seconds to wait for a connection.',
  }),
  kafkaBootstrapServers: setting(
    list(
      'host:port, or several with commas between',
      /^(\[[0-9A-Fa-f:.]+\]|[^\s:/@[\]]+):[0-9]{1,5}$/,
    ).refine((servers) => servers.length > 0, 'host:port, or several with commas between'),
    {
      name: 'KAFKA_BOOTSTRAP_SERVERS',
      help: 'Brokers to ask first, `host:port` with commas between.',
    },
  ),
  kafkaClientId: setting(plainText, {
    name: 'KAFKA_CLIENT_ID',
    default: 'slotcast',
    help: "Name in the brokers' logs and quotas.",
  }),
  kafkaSecurityProtocol: setting(oneOf(kafkaSecurityProtocols), {
    name: 'KAFKA_SECURITY_PROTOCOL',
    default: 'PLAINTEXT',
    help: '`PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.',
  }),
  kafkaSslCaLocation: setting(plainText.optional(), {
    name: 'KAFKA_SSL_CA_LOCATION',
    help: "PEM file with the certificate authorities of the brokers; Node's own list when not set.",
  }),
  kafkaSslCertificateLocation: setting(plainText.optional(), {
    name: 'KAFKA_SSL_CERTIFICATE_LOCATION',
    help: 'PEM file with the client certificate; needs `KAFKA_SSL_KEY_LOCATION`.',
  }),
  kafkaSslKeyLocation: setting(plainText.optional(), {
    name: 'KAFKA_SSL_KEY_LOCATION',
    help: 'PEM file with the private key of the client certificate.',
  }),
  kafkaSslKeyPassword: setting(plainText.optional(), {
    name: 'KAFKA_SSL_KEY_PASSWORD',
    secret: 'value',
    help: 'Password of an encrypted private key.',
  }),
  kafkaSaslMechanism: setting(oneOf(kafkaSaslMechanisms).optional(), {
    name: 'KAFKA_SASL_MECHANISM',
    help: '`PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`; needed with the `SASL_` protocols.',
  }),
  kafkaSaslUsername: setting(plainText.optional(), {
    name: 'KAFKA_SASL_USERNAME',
    help: 'User; needed with the `SASL_` protocols.',
  }),
  kafkaSaslPassword: setting(plainText.optional(), {
    name: 'KAFKA_SASL_PASSWORD',
    secret: 'value',
    help: 'Password; needed with the `SASL_` protocols.',
  }),
  topicPrefix: setting(topicNamePart, {
    name: 'SLOTCAST_TOPIC_PREFIX',
    default: 'slotcast',
    help: 'First part of the topic names `<prefix>.<cluster>.slots` and `<prefix>.<cluster>.nodes`, and of the transactional ids of their writers, such as `<prefix>.<cluster>.publisher`.',
  }),
  schemaRegistryUrl: setting(url('a URL such as http://registry:8081', ['http:', 'https:']).optional(), {
    name: 'SLOTCAST_SCHEMA_REGISTRY_URL',
    secret: 'url',
    help: 'Switches record values to the Confluent framing, with the schemas registered there.',
  }),
  slots: setting(slotFilters, {
    name: 'SLOTCAST_SLOTS',
    default: 'name_like:%',
    emptyIsValue: true,
    help: 'Which slots follow a failover, as in pg_failover_slots: `name:`, `name_like:`, `plugin:`, a bare name; also `database:` (by its present name), `type:`, and a leading `!` to exclude. Physical slots only by `type:physical` or their names. Empty: none.',
  }),
  slotsConfirm: setting(z.string().optional(), {
    name: 'SLOTCAST_SLOTS_CONFIRM',
    emptyIsValue: true,
    help: 'Repeats the text of `SLOTCAST_SLOTS`, to say that it is meant to select no slot, or to have more copies dropped than kept. Until then it drops none.',
  }),
  plugins: setting(
    list(
      'names of output plugins without path separators, with commas between',
      /^[A-Za-z0-9_][A-Za-z0-9_.$-]*$/,
    ),
    {
      name: 'SLOTCAST_PLUGINS',
      default: 'pgoutput,test_decoding,wal2json,decoderbufs',
      emptyIsValue: true,
      help: 'Output plugins that may be loaded on this server; a slot with another one is `blocked`.',
    },
  ),
  dropExtraSlots: setting(boolean, {
    name: 'SLOTCAST_DROP_EXTRA_SLOTS',
    default: 'true',
    help: 'Owned slots that vanished upstream, or no longer match the filters, are dropped.',
  }),
  onConflict: setting(oneOf(onConflictPolicies), {
    name: 'SLOTCAST_ON_CONFLICT',
    default: 'report',
    help: 'What to do with a slot of the same name that slotcast did not make: `report` it, or `replace` it.',
  }),
  onDivergence: setting(oneOf(onDivergencePolicies), {
    name: 'SLOTCAST_ON_DIVERGENCE',
    default: 'fence',
    help: 'After a promotion, for consumers that had confirmed WAL which this server never had: `fence` pushes the new WAL past it, so that they skip nothing; `quarantine` keeps their slots under another name and takes theirs, so that they fail.',
  }),
  stateFolder: setting(plainText.optional(), {
    name: 'SLOTCAST_STATE_FOLDER',
    help: 'Folder in which the services of the node keep what they know of the topics, for a restart and a failover while Kafka is away. Without it nothing is kept.',
  }),
  orphanRetentionMs: setting(duration('s', { min: 1000, max: 31_536_000_000 }).optional(), {
    name: 'SLOTCAST_ORPHAN_RETENTION',
    help: 'How long copies are kept of a slot that a new primary did not have, as `slotcast forget` ends it: such as `7d`, in seconds without a unit; for ever when not set. Counted by the publisher, from when its process saw the slot orphaned first.',
  }),
  takeOver: setting(boolean, {
    name: 'SLOTCAST_TAKE_OVER',
    default: 'false',
    help: 'Publish although another node published this timeline first, or although nothing is on record of this node as a standby. Only for a server whose name changed, and for one that a person has made the primary.',
  }),
  demotionWaitMs: setting(duration('s', { min: 0, max: 600_000 }), {
    name: 'SLOTCAST_DEMOTION_WAIT',
    default: '30',
    help: 'How long the publisher of a promoted standby waits for one that is still at work beside the former primary, in s, before it takes the topic over from it.',
  }),
  pollMinMs: setting(duration('ms', { min: 1, max: 60_000 }), {
    name: 'SLOTCAST_POLL_MIN_MS',
    default: '20',
    help: 'Pause between two looks at the slots while they move, in ms.',
  }),
  pollMaxMs: setting(duration('ms', { min: 1, max: 60_000 }), {
    name: 'SLOTCAST_POLL_MAX_MS',
    default: '250',
    help: 'The longest pause while nothing moves, in ms. With many slots it grows up to 5 s, so that looking takes 1 % of the time.',
  }),
  maxEventsPerSecond: setting(integer({ min: 1, max: 100_000 }), {
    name: 'SLOTCAST_MAX_EVENTS_PER_SECOND',
    default: '500',
    help: 'The publisher slows down the updates of busy slots to stay under this rate.',
  }),
  advanceDuty: setting(decimal({ min: 0.01, max: 1 }), {
    name: 'SLOTCAST_ADVANCE_DUTY',
    default: '0.25',
    help: 'Share of a core that decoding on the standby may take: for the `restart_lsn` of slots, and for slots that cannot be moved without it. Where advances do not fit in, slots are made anew from a leading one.',
  }),
  restartGap: setting(bytes, {
    name: 'SLOTCAST_RESTART_GAP',
    default: '64 MiB',
    help: "WAL that a slot's `restart_lsn` may be behind that of the primary's slot before it is moved; a quarter of `max_slot_wal_keep_size` if that is less.",
  }),
  lagMaxBytes: setting(bytes, {
    name: 'SLOTCAST_LAG_MAX_BYTES',
    default: '64 MiB',
    help: 'A slot further behind than this is `lagging` instead of `ready`. Units are powers of 1024.',
  }),
  lagMaxMs: setting(duration('s', { min: 1000, max: 86_400_000 }), {
    name: 'SLOTCAST_LAG_MAX_SECONDS',
    default: '60',
    help: "A slot whose newest state is older than this is `lagging`; when the publisher's heartbeat is, all are `unheard`; in seconds.",
  }),
  canary: setting(boolean, {
    name: 'SLOTCAST_CANARY',
    default: 'off',
    help: 'Measure the end-to-end lag every second with a slot `slotcast_canary` of the publisher; with `off`, the publisher drops that slot.',
  }),
  verifyInterval: setting(durationOrOff('s', { min: 60_000, max: 2_592_000_000 }), {
    name: 'SLOTCAST_VERIFY_INTERVAL',
    default: 'off',
    help: 'A consumer proves all its copies again after so long each, as `slotcast verify` does, one at a time; from one minute on; in seconds; or `off`.',
  }),
  httpListen: setting(listenAddress, {
    name: 'SLOTCAST_HTTP_LISTEN',
    // The commands that ask the consumer look for it at its address, so a node, which has one, is there, too.
    default: { node: '127.0.0.1:9478', publisher: '127.0.0.1:9477', consumer: '127.0.0.1:9478', cli: 'off' },
    help: 'Address of `/livez`, `/readyz`, `/fenced` and `/metrics`, or `off`.',
  }),
  httpToken: setting(plainText.optional(), {
    name: 'SLOTCAST_HTTP_TOKEN',
    secret: 'value',
    help: 'With it `slotcast prepare-promotion` and `slotcast adopt` may reach the consumer from another machine; without it only from its own.',
  }),
  logLevel: setting(oneOf(logLevels), {
    name: 'SLOTCAST_LOG_LEVEL',
    default: 'info',
    help: 'Least level of the lines that are logged, from `trace` to `fatal`; or `silent`.',
  }),
});

/** All settings, parsed. Times are in milliseconds, sizes in bytes. */
export type Settings = z.output<typeof configSchema>;

/** One row of the table: the setting and the field of `Settings` that holds it. */
export interface ConfigRow extends Setting {
  readonly field: string;
  readonly required: boolean;
}

/** The declared settings in the order of the documentation. */
export const configTable: readonly ConfigRow[] = Object.entries(configSchema.shape).map(([field, schema]) => {
  const setting = declarations.get(schema);
  if (setting === undefined) {
    throw new Error(`the setting ${field} is not registered`);
  }
  const optional: boolean = schema.safeParse(undefined).success;
  return { ...setting, field, required: setting.default === undefined && !optional };
});

/** Settings that are planned: naming one is an error, so that nobody relies on what does not happen. */
export const plannedSettings: readonly string[] = ['SLOTCAST_RESTART_COMMAND', 'SLOTCAST_RESTART_INTERVAL'];

/** Names the file below the environment; read before the table. */
export const CONFIG_FILE_VARIABLE = 'SLOTCAST_CONFIG_FILE';

/** The default of a row for a service, as text. */
export function defaultText(row: Setting, service: Service, hostName: string): string | undefined {
  if (row.default === undefined || typeof row.default === 'string') {
    return row.default;
  }
  return 'hostName' in row.default ? hostName : row.default[service];
}
