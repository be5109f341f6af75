import { isAllowedPlugin, isLoadable } from '../following/slot-obstacle.ts';
import { isLogical, type SlotState } from '../vocabulary/slot-state.ts';
import { literalList, setByReload } from '../vocabulary/statements.ts';
import { type Check, failed, orOk } from './check.ts';

/** Judges whether copies of these slots could be made and decoded here. */
export function checkPlugins(
  slots: readonly SlotState[],
  server: {
    /** `SLOTCAST_PLUGINS`. */
    readonly allowedPlugins: readonly string[];
    /** `output_plugin_libraries`, where the server has it. */
    readonly serverPlugins: readonly string[] | undefined;
  },
): readonly Check[] {
  const { allowedPlugins, serverPlugins } = server;
  const logical = slots.filter(isLogical);
  const plugins = new Set(logical.map(({ plugin }) => plugin));
  const found = [...plugins].flatMap((plugin) => {
    const names = logical.filter((slot) => slot.plugin === plugin).map(({ name }) => name);
    const whose = `${JSON.stringify(plugin)}, the plugin of ${names.join(', ')},`;
    const checks: Check[] = [];
    if (!isAllowedPlugin(plugin, allowedPlugins)) {
      const remedy = `SLOTCAST_PLUGINS=${[...allowedPlugins, plugin].join(',')}`;
      checks.push(failed('plugins', `${whose} is not in SLOTCAST_PLUGINS`, remedy));
    }
    if (!isLoadable(plugin, serverPlugins)) {
      const names = literalList([...(serverPlugins ?? []), plugin]);
      const remedy = setByReload('output_plugin_libraries', names);
      checks.push(failed('plugins', `${whose} is not in output_plugin_libraries of this server`, remedy));
    }
    return checks;
  });
  const used = plugins.size === 0 ? 'no slot has a plugin' : `allowed: ${[...plugins].join(', ')}`;
  return orOk(found, 'plugins', used);
}
