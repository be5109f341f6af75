import type { SessionRequest, SessionRound } from './session-request.ts';

/** What is asked of a session. All requests are answered in each round, so that none waits behind another one. */
export class RequestQueue {
  #requests: SessionRequest[] = [];

  add(request: SessionRequest): void {
    this.#requests.push(request);
  }

  /** True while somebody waits for an answer; one whose caller is gone is forgotten. */
  get isWaiting(): boolean {
    this.#requests = this.#requests.filter(({ signal }) => !signal.aborted);
    return this.#requests.length > 0;
  }

  /** Shows a round to every request, and forgets those that it answers. */
  async answer(round: SessionRound): Promise<void> {
    const asked = this.#requests;
    for (const request of asked) {
      if (request.signal.aborted || (await request.answer(round))) {
        this.#requests = this.#requests.filter((each) => each !== request);
      }
    }
  }

  fail(error: unknown): void {
    this.#requests.forEach((request) => request.fail(error));
    this.#requests = [];
  }
}
