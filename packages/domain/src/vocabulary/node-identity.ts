/** Which node a process belongs to, and what the node's records say of the program itself. */
export interface NodeIdentity {
  readonly node: string;
  readonly cluster: string;
  /** slotcast's version. */
  readonly version: string;
}
