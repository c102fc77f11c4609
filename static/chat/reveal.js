import { el, prefersReducedMotion } from "./dom.js";

const CATCH_UP_MS = 260;

// A link, emphasis mark or table row whose end has not arrived yet.
const UNFINISHED_MARK = /((^|\n)\|[^\n]*|\[[^\]\n]*(\](\([^)\n]*)?)?|\*+|\n)$/;

/** Markdown as plain text, so that no mark flashes by before the formatted message replaces it. */
function withoutMarks(markdown) {
  return markdown
    .replace(/\[([^\]\n]*)\]\([^)\n]*\)/g, "$1")
    .replace(/\n\|[\s:|-]+(?=\n|$)/g, "")
    .replace(/ ?\| ?/g, "  ")
    .replace(/\*\*|`/g, "")
    .replace(/\n[-*] /g, "\n• ")
    .replace(/\n#+ /g, "\n");
}

/**
 * Shows streamed text word by word at an even pace, however unevenly it arrives.
 *
 * Whole words only: half a word would be shaped differently in Arabic or Devanagari and flicker.
 */
export class Reveal {
  #node;
  #words;
  #raw = "";
  #waiting = "";
  #ended = null;
  #frame = 0;
  #before = 0;

  constructor(node, locale) {
    this.#node = node;
    this.#words = new Intl.Segmenter(locale, { granularity: "word" });
  }

  push(markdown) {
    this.#raw += markdown;
    const held = this.#raw.match(UNFINISHED_MARK)?.[0] ?? "";
    this.#waiting += withoutMarks(this.#raw.slice(0, this.#raw.length - held.length));
    this.#raw = held;
    if (prefersReducedMotion()) this.#show(this.#take(Infinity));
    else if (!this.#frame) this.#start();
  }

  /** Resolves once everything pushed is visible. */
  finish() {
    return new Promise((resolve) => {
      this.#ended = resolve;
      if (prefersReducedMotion() || document.hidden) this.stop();
      else if (!this.#frame) this.#start();
    });
  }

  /** Show the rest at once. */
  stop() {
    this.#waiting += withoutMarks(this.#raw);
    this.#raw = "";
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#show(this.#waiting);
    this.#waiting = "";
    this.#ended?.();
  }

  #start() {
    this.#before = performance.now();
    this.#frame = requestAnimationFrame((now) => this.#step(now));
  }

  #step(now) {
    const share = Math.min(1, (now - this.#before) / CATCH_UP_MS);
    this.#before = now;
    this.#show(this.#take(share));
    const more = this.#words.segment(this.#waiting)[Symbol.iterator]().next().value;
    const wholeWord = more && (this.#ended || more.segment.length < this.#waiting.length);
    if (wholeWord) {
      this.#frame = requestAnimationFrame((next) => this.#step(next));
    } else {
      this.#frame = 0;
      if (this.#ended) this.#ended();
    }
  }

  /** Cut the given share of the waiting words off the front; an unfinished last word stays. */
  #take(share) {
    const segments = Array.from(this.#words.segment(this.#waiting), (part) => part.segment);
    const usable = this.#ended ? segments.length : segments.length - 1;
    const count = Math.min(usable, Math.max(1, Math.ceil(usable * share)));
    const text = segments.slice(0, Math.max(0, count)).join("");
    this.#waiting = this.#waiting.slice(text.length);
    return text;
  }

  #show(text) {
    if (text) this.#node.append(el("span", { class: "fresh", text }));
  }
}
