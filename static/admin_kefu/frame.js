/** An iframe of `preview-frame.js`: it keeps what to show until the frame is ready, and takes its height. */
export class Frame {
  #iframe;
  #ready = false;
  #last = null;
  isDark = false;

  constructor(iframe) {
    this.#iframe = iframe;
    addEventListener("message", (message) => this.#heard(message));
    if (iframe.src) this.#greet();
  }

  open(url) {
    if (this.#iframe.getAttribute("src") === url) return;
    this.#ready = false;
    this.#iframe.src = url;
  }

  /** `{question, event}`: a question, and the bot message that answers it. */
  show(message) {
    this.#last = message;
    this.#send(message);
  }

  setTheme(dark) {
    this.isDark = dark;
    this.#send({});
  }

  #send(message) {
    if (!this.#ready) return;
    this.#iframe.contentWindow.postMessage({ ...message, theme: this.isDark ? "dark" : "light" }, location.origin);
  }

  /** A frame that was ready before anybody listened answers anything sent with its height. */
  #greet() {
    this.#iframe.contentWindow.postMessage({ theme: this.isDark ? "dark" : "light" }, location.origin);
  }

  #heard({ data, origin, source }) {
    if (origin !== location.origin || source !== this.#iframe.contentWindow || !data) return;
    if (!this.#ready && (data.kefuReady || data.kefuHeight)) {
      this.#ready = true;
      this.#send(this.#last ?? {});
    }
    if (data.kefuHeight) this.#iframe.style.blockSize = `${Math.min(Math.max(data.kefuHeight, 96), 1200)}px`;
  }
}
