/** Nothing came back in time. */
class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
}

/** Waits for a promise, but no longer than that: then throws a DeadlineError, and what the promise gives is ignored. */
export async function withDeadline<T>(promise: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DeadlineError(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
