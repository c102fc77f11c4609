const ACKNOWLEDGE_MS = 12_000;
const MOST_WAITS = 5;

/**
 * Brings the outbox to the server: one message at a time, again after every lost connection,
 * until the server's durable event acknowledges it.
 */
export class Delivery {
  #outbox;
  #send;
  #reconnect;
  #ready = false;
  #held = false;
  #waits = 0;
  #inFlight = null;
  #timer = 0;
  #later = [];

  /** `send(frame)` says whether it went out; `reconnect()` is called when an acknowledgement stays out. */
  constructor({ outbox, send, reconnect }) {
    this.#outbox = outbox;
    this.#send = send;
    this.#reconnect = reconnect;
  }

  get isHeld() {
    return this.#held;
  }

  get inFlight() {
    return this.#inFlight;
  }

  /** The connection is up and has caught up: everything that waited may go. */
  ready() {
    this.#ready = true;
    for (const frame of this.#later.splice(0)) this.passOn(frame);
    this.flush();
  }

  unready() {
    this.#ready = false;
    this.#held = false;
    this.#landed();
  }

  /** Forget what belonged to the conversation before; messages not yet delivered stay. */
  reset() {
    this.unready();
    this.#later = [];
  }

  /** Send a frame that needs no acknowledgement, now or once there is a connection. */
  passOn(frame) {
    if (!this.#ready || !this.#send(frame)) this.#later.push(frame);
  }

  /** Send the oldest undelivered message, if it is its turn. */
  flush() {
    const item = this.#outbox.head;
    if (!item || !this.#ready || this.#held || this.#inFlight) return;
    if (!this.#send(item.frame)) return;
    this.#inFlight = item.frame.client_id;
    this.#timer = setTimeout(this.#reconnect, ACKNOWLEDGE_MS);
  }

  acknowledge(clientId) {
    this.#outbox.remove(clientId);
    this.#waits = 0;
    if (this.#inFlight !== clientId) return;
    this.#landed();
    this.flush();
  }

  /**
   * The server is busy or we are too fast: keep everything, send nothing until `release`.
   * False once a message was put off so often that the visitor should decide about it.
   */
  hold() {
    this.#waits += this.#inFlight ? 1 : 0;
    if (this.#waits > MOST_WAITS) return false;
    this.#held = true;
    this.#landed();
    return true;
  }

  release() {
    this.#held = false;
    this.flush();
  }

  /** The server refused a message: the visitor decides about it, the next one may go. */
  refuse(clientId) {
    const item = this.#outbox.setState(clientId, "failed");
    this.#waits = 0;
    this.#landed();
    this.flush();
    return item;
  }

  #landed() {
    clearTimeout(this.#timer);
    this.#inFlight = null;
  }
}
