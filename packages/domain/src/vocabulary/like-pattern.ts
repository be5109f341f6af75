/** A compiled SQL LIKE pattern: literal characters and the two wildcards. */
export type LikePattern = readonly LikeToken[];
type LikeToken = 'any_text' | 'any_character' | { readonly literal: string };

/**
 * Compiles an SQL LIKE pattern: `%` is any text, `_` any one character, and a backslash takes the next character literally.
 * `undefined` when the pattern ends with its escape character, which PostgreSQL rejects (22025).
 */
export function compileLike(pattern: string): LikePattern | undefined {
  const tokens: LikeToken[] = [];
  let escaped = false;
  for (const character of pattern) {
    if (escaped) {
      tokens.push({ literal: character });
      escaped = false;
    } else if (character === '\\') {
      escaped = true;
    } else if (character === '%') {
      tokens.push('any_text');
    } else {
      tokens.push(character === '_' ? 'any_character' : { literal: character });
    }
  }
  return escaped ? undefined : tokens;
}

/**
 * True when the pattern covers the whole text. Only the last `%` is ever tried again, so the time is at most the product of
 * the two lengths, where a regular expression could take exponentially long.
 */
export function matchesLike(pattern: LikePattern, text: string): boolean {
  const characters = Array.from(text);
  let token = 0;
  let at = 0;
  let retry: { readonly token: number; at: number } | undefined;
  while (at < characters.length) {
    const wanted = pattern[token];
    if (wanted === 'any_text') {
      token++;
      retry = { token, at };
    } else if (wanted === 'any_character' || (wanted !== undefined && wanted.literal === characters[at])) {
      token++;
      at++;
    } else if (retry === undefined) {
      return false;
    } else {
      retry.at++;
      token = retry.token;
      at = retry.at;
    }
  }
  return pattern.slice(token).every((rest) => rest === 'any_text');
}
