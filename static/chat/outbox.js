import { tab } from "./storage.js";

/**
 * Messages the server has not acknowledged, oldest first, surviving a reload of the tab.
 *
 * They go out one at a time: order is kept, and an error frame can only mean the first one.
 * A message is sent again under its own client_id until it is acknowledged; the server answers once.
 */
export class Outbox {
  #key;
  #items;

  constructor(key) {
    this.#key = key;
    this.#items = read(key);
  }

  get items() {
    return [...this.#items];
  }

  /** The oldest message still to be delivered; none while the visitor must decide about a refused one. */
  get head() {
    return this.#items.find((item) => item.state !== "failed") ?? null;
  }

  /** `shown` is what the visitor's bubble says; returns the stored item. */
  add(frame, shown) {
    const item = { frame: { ...frame, client_id: newId() }, shown, state: "sending", at: Date.now() };
    this.#items.push(item);
    this.#save();
    return item;
  }

  setState(clientId, state) {
    const item = this.#items.find((each) => each.frame.client_id === clientId);
    if (item) item.state = state;
    this.#save();
    return item ?? null;
  }

  /** Forget an acknowledged or withdrawn message. */
  remove(clientId) {
    this.#items = this.#items.filter((item) => item.frame.client_id !== clientId);
    this.#save();
  }

  #save() {
    tab.set(this.#key, JSON.stringify(this.#items));
  }
}

function read(key) {
  try {
    const items = JSON.parse(tab.get(key) ?? "[]");
    return Array.isArray(items) ? items.filter((item) => item?.frame?.client_id) : [];
  } catch {
    return [];
  }
}

/** A random UUID (RFC 9562, version 4); `crypto.randomUUID` is missing on plain http. */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
