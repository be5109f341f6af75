/** A later claim of the same transactional id took over, or the broker timed the transaction out. */
export class WriterFencedError extends Error {
  override readonly name = 'WriterFencedError';
}

/** An append failed in a way that leaves open whether its records are in the log. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError';
}

/** The log cannot be reached, or a reader cannot go on: try again from the last applied offset. */
export class LogUnavailableError extends Error {
  override readonly name = 'LogUnavailableError';
}

/** The topic under a reader is not the one that it started on: deleted, recreated or truncated. */
export class TopicRecreatedError extends Error {
  override readonly name = 'TopicRecreatedError';
}
