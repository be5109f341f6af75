/**
 * What the linter lets files import of a family of names, which its rule for these files forbids but for exceptions. Throws when it has
 * no such rule. The last rule for the same files counts, as it does for the linter.
 */
export function allowedByLinter(
  config: unknown,
  files: string,
  family: { readonly all: string; readonly one: RegExp },
): string[] {
  const rules = arrayOf(property(config, 'overrides'))
    .filter((override) => arrayOf(property(override, 'files')).includes(files))
    .map((override) => property(property(override, 'rules'), 'no-restricted-imports'));
  const [level, limits] = arrayOf(rules.at(-1));
  const groups = arrayOf(property(limits, 'patterns')).map((pattern) => arrayOf(property(pattern, 'group')));
  const group = groups.find((patterns) => patterns.includes(family.all));
  if (level !== 'error' || group === undefined) {
    throw new Error(`the linter does not forbid ${family.all} in ${files}`);
  }
  return group
    .flatMap((pattern) => {
      const exception = typeof pattern === 'string' && pattern.startsWith('!') ? pattern.slice(1) : undefined;
      return exception === undefined ? [] : [family.one.exec(exception)?.[1] ?? exception];
    })
    .toSorted();
}

function property(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
