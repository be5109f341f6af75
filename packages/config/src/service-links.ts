/** An address as Kubernetes (`net.JoinHostPort`) and Docker write it. */
const ADDRESS = /^(tcp|udp|sctp):\/\/[^/]+:\d+$/;
const IP = /^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]+)$/;
const PORT = /^\d+$/;
/** The two names of a container that Docker links: `/this/that`. */
const CONTAINER_NAMES = /^\/[^/]+\/[^/]+$/;

/**
 * The variables that a Service named NAME brings into every container of its namespace (`FromServices` in Kubernetes'
 * `pkg/kubelet/envvars`), and most of those that a link brings into Docker's: by the end of the name, what the value looks like.
 */
const forms: readonly { readonly name: RegExp; readonly value: RegExp }[] = [
  { name: /._SERVICE_HOST$/, value: IP },
  { name: /._SERVICE_PORT(_[A-Z0-9_]+)?$/, value: PORT },
  { name: /._PORT$/, value: ADDRESS },
  { name: /._PORT_\d+_(TCP|UDP|SCTP)$/, value: ADDRESS },
  { name: /._PORT_\d+_(TCP|UDP|SCTP)_PROTO$/, value: /^(tcp|udp|sctp)$/ },
  { name: /._PORT_\d+_(TCP|UDP|SCTP)_PORT$/, value: PORT },
  { name: /._PORT_\d+_(TCP|UDP|SCTP)_ADDR$/, value: IP },
  { name: /._NAME$/, value: CONTAINER_NAMES },
];

/**
 * True for a variable that nobody set: Kubernetes or Docker put it there because a Service or a linked container has a name that begins
 * like slotcast's own settings. The value counts, too, so that a person's mistake is still one.
 */
export function isServiceLink(name: string, env: Readonly<Record<string, string | undefined>>): boolean {
  const value = env[name] ?? '';
  return forms.some((form) => form.name.test(name) && form.value.test(value)) || isLinkedVariable(name, env);
}

/** Docker passes the linked container's own environment on as NAME_ENV_…, whatever the values are. */
function isLinkedVariable(name: string, env: Readonly<Record<string, string | undefined>>): boolean {
  const container = /^(.+?)_ENV_./.exec(name)?.[1];
  return container !== undefined && CONTAINER_NAMES.test(env[`${container}_NAME`] ?? '');
}
