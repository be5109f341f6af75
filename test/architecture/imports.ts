/** What a source file imports, as the imports are written. `type` imports count, too. */
export function importsOf(source: string, path: string): string[] {
  const code = source.replaceAll(/^\s*\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
  const found = [
    ...code.matchAll(/^(?:import|export)\s(?:[\w\s{},*$]+?\sfrom\s)?\s*'([^']+)'/gm),
    ...code.matchAll(/\bimport\(\s*'([^']+)'\s*\)/g),
  ].map(([, specifier = '']) => specifier);
  const named = [...code.matchAll(/['"`]((?:@slotcast\/|\.{1,2}\/)[^'"`\s]*)['"`]/g)].map(
    ([, specifier = '']) => specifier,
  );
  const missed = named.filter((specifier) => isModule(specifier) && !found.includes(specifier));
  if (missed.length > 0 || /\bimport\((?!\s*')/.test(code)) {
    throw new Error(`${path} names modules in a way that is not understood here: ${missed.join(', ')}`);
  }
  return found;
}

function isModule(specifier: string): boolean {
  return specifier.startsWith('@slotcast/') || specifier.endsWith('.ts');
}
