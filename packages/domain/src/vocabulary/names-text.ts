/** Names with commas between; of a long list the first ones, and how many there are besides. */
export function namesText(names: readonly string[], atMost = 8): string {
  const shown = names.slice(0, atMost).join(', ');
  return names.length > atMost ? `${shown} and ${names.length - atMost} more` : shown;
}
