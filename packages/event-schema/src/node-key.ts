import { parseSlotName, type SlotName } from '@slotcast/domain';

/** What a key of the nodes topic names: a node, or one slot on a node. */
export interface NodeKey {
  readonly node: string;
  readonly slot?: SlotName | undefined;
}

// Keys and headers are read as text in any Kafka tool, so no control characters, nor halves of characters that UTF-8 cannot hold.
const NODE_NAME = /^[^/\p{Cc}\p{Cs}]{1,255}$/u;

/** Reads a node's name: 1 to 255 characters, none of them `/` or a control character. Throws a RangeError on anything else. */
export function parseNodeName(text: string): string {
  if (!NODE_NAME.test(text)) {
    throw new RangeError(
      `not a node name: ${JSON.stringify(text)} (1 to 255 characters, no "/" and no control characters)`,
    );
  }
  return text;
}

/** Key of a node's record. Throws a RangeError on a name that no node can have. */
export function nodeKey(node: string): string {
  return parseNodeName(node);
}

/** Key of the record of one slot on a node. Throws a RangeError on a name that no node can have. */
export function nodeSlotKey(node: string, slot: SlotName): string {
  return `${parseNodeName(node)}/${slot}`;
}

/** Reads a key of the nodes topic, `<node>` or `<node>/<slot>`. Throws a RangeError on anything else. */
export function parseNodeKey(text: string): NodeKey {
  const slash = text.indexOf('/');
  if (slash === -1) {
    return { node: parseNodeName(text) };
  }
  return { node: parseNodeName(text.slice(0, slash)), slot: parseSlotName(text.slice(slash + 1)) };
}
