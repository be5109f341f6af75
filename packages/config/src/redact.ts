/** What stands in place of a secret. */
export const REDACTED = '***';

/**
 * Hides the passwords in a URL: the one before the host, and the query parameters whose name says `password`. Works on the text, so that a
 * malformed URL is redacted as well; when in doubt it hides more.
 */
export function redactUrl(text: string): string {
  return text
    .replace(
      /^([a-z][a-z0-9+.-]*:\/\/[^:@/?]*):.*@/is,
      (_whole, beforePassword: string) => `${beforePassword}:${REDACTED}@`,
    )
    .replace(/([?&][^=&]*password[^=&]*)=[^&]*/gi, (_whole, name: string) => `${name}=${REDACTED}`);
}
