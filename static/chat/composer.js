import { fill } from "./dom.js";
import { tab } from "./storage.js";

const TYPING_EVERY_MS = 3000;
const SAFARI_IME_KEY = 229;

/** The message field. Events: `send` (detail: text), `stop`, `typing`. */
export class Composer extends EventTarget {
  #parts;
  #options;
  #listeners = null;
  #typedAt = 0;
  #running = false;

  /** `parts`: form, field, send, stop, counter. `options`: strings, format, maxChars, draftKey. */
  constructor(parts, options) {
    super();
    this.#parts = parts;
    this.#options = options;
  }

  connect() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    const { form, field, stop } = this.#parts;
    form.addEventListener("submit", (event) => this.#submit(event), { signal });
    form.addEventListener("click", (event) => this.#focusFromPadding(event), { signal });
    field.addEventListener("keydown", (event) => this.#key(event), { signal });
    field.addEventListener("input", () => this.#input(), { signal });
    stop.addEventListener("click", () => this.#stop(), { signal });
    addEventListener("resize", () => this.#fit(), { signal });
    field.value = tab.get(this.#options.draftKey) ?? field.value;
    this.#refresh();
  }

  disconnect() {
    this.#listeners?.abort();
  }

  focus() {
    this.#parts.field.focus({ preventScroll: true });
  }

  setRunning(running) {
    const hadFocus = document.activeElement === this.#parts.stop;
    this.#running = running;
    this.#parts.stop.hidden = !running;
    if (hadFocus && !running) this.focus();
  }

  /** Put a refused text back, unless the visitor is already writing something else. */
  restore(text) {
    if (this.#parts.field.value.trim()) return false;
    this.#parts.field.value = text;
    this.#input();
    return true;
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#parts.field.value.trim();
    if (!text || this.#over() > 0) return;
    this.#parts.field.value = "";
    this.#refresh();
    this.focus();
    this.dispatchEvent(new CustomEvent("send", { detail: text }));
  }

  #key(event) {
    if (event.key === "Escape" && this.#running) this.#stop();
    if (event.key !== "Enter" || event.shiftKey) return;
    // Enter that picks a candidate of an input method (Japanese, Chinese, Korean) is not ours.
    if (event.isComposing || event.keyCode === SAFARI_IME_KEY) return;
    event.preventDefault();
    this.#parts.form.requestSubmit();
  }

  #stop() {
    this.dispatchEvent(new CustomEvent("stop"));
  }

  #focusFromPadding(event) {
    if (event.target === this.#parts.form) this.focus();
  }

  #input() {
    this.#refresh();
    const now = Date.now();
    if (now - this.#typedAt < TYPING_EVERY_MS || !this.#parts.field.value) return;
    this.#typedAt = now;
    this.dispatchEvent(new CustomEvent("typing"));
  }

  #refresh() {
    const { field, send, counter } = this.#parts;
    const { strings, format, maxChars, draftKey } = this.#options;
    const over = this.#over();
    const nearLimit = over > -Math.max(20, maxChars * 0.15);
    counter.hidden = !nearLimit;
    counter.classList.toggle("counter-over", over > 0);
    counter.textContent = nearLimit
      ? fill(over > 0 ? strings.characters_over : strings.characters_left, { count: format.number(Math.abs(over)) })
      : "";
    field.setAttribute("aria-invalid", String(over > 0));
    send.disabled = !field.value.trim() || over > 0;
    if (field.value) tab.set(draftKey, field.value);
    else tab.remove(draftKey);
    this.#fit();
  }

  /** Code points beyond the limit, as the server counts them; negative: still free. */
  #over() {
    return [...this.#parts.field.value.trim()].length - this.#options.maxChars;
  }

  /** Grow with the text up to the height the style sheet allows. */
  #fit() {
    const { field } = this.#parts;
    field.style.blockSize = "auto";
    field.style.blockSize = `${field.scrollHeight}px`;
  }
}
