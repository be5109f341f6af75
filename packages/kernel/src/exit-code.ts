/**
 * The exit codes of the `slotcast` binary. A command that a signal ended, and a service that a second one ended, exit with 128 + the signal's
 * number.
 */
export const exitCodes = {
  ok: { code: 0, meaning: 'done, or a clean stop' },
  failed: { code: 1, meaning: 'failed; a restart may help' },
  usage: { code: 2, meaning: 'unknown command, flag or argument' },
  negative: { code: 3, meaning: 'the answer is "no": unsafe, not ready, or a check failed' },
  precondition: { code: 78, meaning: 'configuration, or a precondition that a restart will not fix' },
} as const;

export type ExitCodeName = keyof typeof exitCodes;
export type ExitCode = (typeof exitCodes)[ExitCodeName]['code'];

/** The exit code of a process that the signal with this number ended (POSIX shells' convention). */
export function signalExitCode(signalNumber: number): number {
  return 128 + signalNumber;
}
