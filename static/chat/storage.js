/** Web storage that never throws: where the browser blocks it, values live as long as the page. */
class GuardedStorage {
  #area;
  #memory = new Map();

  constructor(area) {
    this.#area = area;
  }

  get(key) {
    try {
      return this.#area().getItem(key) ?? this.#memory.get(key) ?? null;
    } catch {
      return this.#memory.get(key) ?? null;
    }
  }

  set(key, value) {
    this.#memory.set(key, value);
    try {
      this.#area().setItem(key, value);
    } catch {
      // Blocked or full: the copy in memory serves this page.
    }
  }

  remove(key) {
    this.#memory.delete(key);
    try {
      this.#area().removeItem(key);
    } catch {
      // Blocked: nothing was stored there.
    }
  }
}

/** Kept across visits: the conversation's token, the colours. */
export const lasting = new GuardedStorage(() => globalThis.localStorage);
/** Kept in this tab: unsent messages and the draft. */
export const tab = new GuardedStorage(() => globalThis.sessionStorage);

/** Let another locale's page take over a conversation, and what has not been sent in it; keys begin with the page's. */
export function moveTo(key, other) {
  for (const [area, name] of [[lasting, "token"], [tab, "outbox"], [tab, "draft"]]) {
    const value = area.get(`${key}:${name}`);
    if (value !== null) area.set(`${other}:${name}`, value);
    if (area === tab) area.remove(`${key}:${name}`);
  }
}
