const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const PING_EVERY_MS = 25_000;
const SILENCE_MS = 10_000;

/**
 * One connection that is kept alive: hello on open, ping, reconnection with exponential backoff
 * and full jitter ("Exponential Backoff And Jitter", M. Brooker).
 *
 * Events: `frame` (detail: the server's frame) and `state` (detail: `connecting`, `open`, `waiting`).
 */
export class ChatSocket extends EventTarget {
  #url;
  #hello;
  #socket = null;
  #failures = 0;
  #retryTimer = 0;
  #pingTimer = 0;
  #silenceTimer = 0;
  #listeners = null;

  /** `hello` returns the first frame of each connection. */
  constructor({ url, hello }) {
    super();
    this.#url = url;
    this.#hello = hello;
  }

  open() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    addEventListener("online", () => this.reconnect(), { signal });
    addEventListener("offline", () => this.#lose(), { signal });
    document.addEventListener("visibilitychange", () => this.#wake(), { signal });
    this.#connect();
  }

  close() {
    this.#listeners?.abort();
    this.#drop();
  }

  /** Connect again at once, whatever the state: also the way to ask for missed events. */
  reconnect() {
    this.#drop();
    this.#failures = 0;
    this.#connect();
  }

  /** Send now; false where there is no open connection. */
  send(frame) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  #connect() {
    this.#announce("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#expectWord();
    socket.onopen = () => {
      this.send(this.#hello());
      this.#pingTimer = setInterval(() => this.#ping(), PING_EVERY_MS);
      this.#announce("open");
    };
    socket.onmessage = (event) => this.#receive(event.data);
    socket.onclose = () => this.#lose();
  }

  #receive(data) {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = 0;
    let frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return;
    }
    if (frame?.type === "welcome") this.#failures = 0;
    this.dispatchEvent(new CustomEvent("frame", { detail: frame }));
  }

  #ping() {
    if (this.send({ type: "ping" })) this.#expectWord();
  }

  /** A half-open connection looks open for minutes: silence after a ping counts as loss. */
  #expectWord() {
    if (this.#silenceTimer) return;
    this.#silenceTimer = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #lose() {
    this.#drop();
    const longest = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryTimer = setTimeout(() => this.#connect(), FIRST_WAIT_MS / 2 + Math.random() * longest);
    this.#announce("waiting");
  }

  #drop() {
    clearTimeout(this.#retryTimer);
    clearInterval(this.#pingTimer);
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = 0;
    if (!this.#socket) return;
    this.#socket.onopen = this.#socket.onmessage = this.#socket.onclose = null;
    this.#socket.close();
    this.#socket = null;
  }

  #wake() {
    if (document.visibilityState !== "visible") return;
    if (this.#socket) this.#ping();
    else this.reconnect();
  }

  #announce(state) {
    this.dispatchEvent(new CustomEvent("state", { detail: state }));
  }
}

export function socketUrl(path) {
  const url = new URL(path, location.href);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
