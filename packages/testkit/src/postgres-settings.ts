/** Server settings by name; `undefined` takes one back to the default. */
export type PostgresSettings = Readonly<Record<string, string | undefined>>;

/**
 * What every server of the test kit runs with, unless a test says otherwise: replication of every kind is possible, a
 * standby reports and reconnects quickly, and nothing is written outside the server's own folder.
 */
export function defaultSettings(options: {
  readonly port: number;
  readonly durable: boolean;
}): PostgresSettings {
  return {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: '',
    // POSIX shared memory would be left behind in /dev/shm by a server that is killed.
    dynamic_shared_memory_type: 'mmap',
    shared_buffers: '16MB',
    fsync: options.durable ? 'on' : 'off',
    wal_level: 'logical',
    wal_keep_size: '64MB',
    max_replication_slots: '50',
    max_wal_senders: '30',
    max_prepared_transactions: '20',
    hot_standby_feedback: 'on',
    wal_receiver_status_interval: '1s',
    wal_retrieve_retry_interval: '200ms',
    log_line_prefix: '%m [%p] %a: ',
    log_timezone: 'UTC',
    timezone: 'UTC',
  };
}

/** The text of a `postgresql.conf`. */
export function renderSettings(settings: PostgresSettings): string {
  return Object.entries(settings)
    .flatMap(([name, value]) =>
      value === undefined ? [] : [`${name} = '${value.replaceAll('\\', '\\\\').replaceAll("'", "''")}'\n`],
    )
    .join('');
}
