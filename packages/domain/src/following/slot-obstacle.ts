import { reason } from '../reasons/reason.ts';
import type { Reason } from '../vocabulary/reason.ts';
import { judgePin } from './catalog-pin.ts';
import type { PinFacts } from './pin-path.ts';

/** What stands in the way of making a slot with this output plugin, with its remedy. */
export function findObstacle(
  plugin: string,
  server: {
    readonly pin: PinFacts;
    /** `SLOTCAST_PLUGINS`. */
    readonly allowedPlugins: readonly string[];
    /** `output_plugin_libraries`, where the server has it. */
    readonly serverPlugins?: readonly string[] | undefined;
    /** Plugins that the server was seen not to load, with what it said. */
    readonly unloadable: ReadonlyMap<string, string>;
  },
): readonly Reason[] | undefined {
  if (!isAllowedPlugin(plugin, server.allowedPlugins)) {
    return [reason('plugin_not_allowed', { plugin })];
  }
  const fault = findPluginFault(plugin, server);
  if (fault !== undefined) {
    return [fault];
  }
  const pin = judgePin(server.pin, undefined);
  return pin.kind === 'blocked' ? pin.reasons : undefined;
}

/** Why the server cannot decode with this plugin, with the remedy. */
export function findPluginFault(
  plugin: string,
  server: {
    readonly serverPlugins?: readonly string[] | undefined;
    readonly unloadable: ReadonlyMap<string, string>;
  },
): Reason | undefined {
  if (!isLoadable(plugin, server.serverPlugins)) {
    return reason('plugin_not_listed', { plugin });
  }
  const said = server.unloadable.get(plugin);
  return said === undefined ? undefined : reason('plugin_unloadable', { plugin, said });
}

/** A plugin's name is a library that the server loads: no paths, and only names that were allowed. */
export function isAllowedPlugin(plugin: string, allowed: readonly string[]): boolean {
  return /^[A-Za-z0-9_.-]+$/.test(plugin) && !plugin.startsWith('.') && allowed.includes(plugin);
}

/** Whether the server itself loads it; `serverPlugins` is its `output_plugin_libraries`, absent where it has no such setting. */
export function isLoadable(plugin: string, serverPlugins: readonly string[] | undefined): boolean {
  return serverPlugins === undefined || serverPlugins.includes(plugin);
}
