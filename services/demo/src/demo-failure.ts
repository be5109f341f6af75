/** A step of the demo that did not come to its end, with what explains it. */
export class DemoFailure extends Error {
  override readonly name = 'DemoFailure';
  /** Lines to show below the message, such as the ends of logs. */
  readonly evidence: readonly string[];

  constructor(message: string, options: { evidence?: readonly string[]; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.evidence = options.evidence ?? [];
  }
}
