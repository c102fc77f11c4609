import { el, fill, icon } from "./dom.js";

/** One polite line above the composer: what went wrong, and when it is tried again. */
export class Notice {
  #node;
  #strings;
  #format;
  #timer = 0;

  constructor(node, { strings, format }) {
    this.#node = node;
    this.#strings = strings;
    this.#format = format;
  }

  /** `seconds` starts a countdown that calls `then` at its end. */
  show(text, { seconds = 0, then = null } = {}) {
    this.hide();
    const countdown = el("span", { class: "notice-when", "aria-hidden": "true" });
    const close = el("button", {
      class: "notice-close", type: "button", "aria-label": this.#strings.close,
      on: { click: () => { this.#node.hidden = true; } },
    }, icon("close"));
    this.#node.replaceChildren(icon("alert"), el("p", {}, el("span", { text, dir: "auto" }), " ", countdown), close);
    this.#node.hidden = false;
    if (seconds > 0) this.#count(Math.ceil(seconds), countdown, then);
  }

  hide() {
    clearInterval(this.#timer);
    this.#node.hidden = true;
  }

  #count(seconds, countdown, then) {
    const until = Date.now() + seconds * 1000;
    const tick = () => {
      const left = Math.ceil((until - Date.now()) / 1000);
      countdown.textContent = fill(this.#strings.next_attempt, { when: this.#format.inSeconds(Math.max(0, left)) });
      if (left > 0) return;
      this.hide();
      then?.();
    };
    tick();
    this.#timer = setInterval(tick, 1000);
  }
}

const PATIENCE_MS = 1200;

/** The strip under the header while there is no connection; short breaks are not worth a word. */
export class Banner {
  #node;
  #strings;
  #reconnect;
  #timer = 0;

  constructor(node, { strings, reconnect }) {
    this.#node = node;
    this.#strings = strings;
    this.#reconnect = reconnect;
  }

  lost() {
    if (this.#timer || !this.#node.hidden) return;
    this.#timer = setTimeout(() => this.#show(), PATIENCE_MS);
  }

  found() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#node.hidden = true;
  }

  /** The server will not have us here: say so, and offer nothing. */
  refused(text) {
    this.found();
    this.#node.replaceChildren(icon("alert"), el("p", { text }));
    this.#node.hidden = false;
  }

  #show() {
    const text = navigator.onLine ? this.#strings.banner_reconnecting : this.#strings.banner_offline;
    const button = el("button", {
      class: "banner-button", type: "button", text: this.#strings.reconnect_now, on: { click: this.#reconnect },
    });
    this.#node.replaceChildren(icon("offline"), el("p", { text }), button);
    this.#node.hidden = false;
  }
}

const KEPT_ANNOUNCEMENTS = 5;

/** Says each finished message once to a screen reader; the log is silent, or every streamed word would be read. */
export class Announcer {
  #node;

  constructor(node) {
    this.#node = node;
  }

  say(text, lang) {
    this.#node.append(el("p", { text, lang }));
    while (this.#node.childElementCount > KEPT_ANNOUNCEMENTS) this.#node.firstElementChild.remove();
  }
}
