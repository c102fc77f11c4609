import { prefersReducedMotion } from "./dom.js";
import { startOfDay } from "./format.js";
import { Reveal } from "./reveal.js";

// Durable rows come first in order of seq, then running answers, then what is not yet delivered.
const RUNNING = 1e9;
const PENDING = 2e9;
const NEAR_END_PX = 96;
const ABOVE_QUESTION_PX = 24;
const SAME_GROUP_MS = 5 * 60_000;

/** The list of messages on the page: rows in order, running answers, day lines, scrolling. */
export class Transcript {
  #parts;
  #view;
  #locale;
  #rows = new Map();
  #running = new Map();
  #observer = null;
  #listeners = null;
  #following = true;
  #lastTop = 0;
  #pendingCount = 0;

  /** `parts`: scroller, messages, jump. */
  constructor(parts, { view, locale }) {
    this.#parts = parts;
    this.#view = view;
    this.#locale = locale;
  }

  connect() {
    const { scroller, messages, jump } = this.#parts;
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    scroller.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    jump.addEventListener("click", () => this.toEnd(), { signal });
    this.#observer = new ResizeObserver(() => this.#grown());
    this.#observer.observe(messages);
    this.#observer.observe(scroller);
  }

  disconnect() {
    this.#observer?.disconnect();
    this.#listeners?.abort();
    for (const running of this.#running.values()) running.reveal.stop();
  }

  clear() {
    for (const running of this.#running.values()) running.reveal.stop();
    this.#running.clear();
    this.#rows.clear();
    this.#parts.messages.replaceChildren();
    this.#following = true;
  }

  /** Show one durable event at its place; `node` is its finished row. */
  async addDurable(event, node) {
    if (event.client_id) this.removePending(event.client_id);
    if (event.role === "bot") await this.#endRunning(event.reply_to, node);
    this.#put(`seq:${event.seq}`, { order: event.seq, node, at: event.at && new Date(event.at), author: event.role });
  }

  addPending(clientId, node, at) {
    const known = this.#rows.get(clientId);
    this.#pendingCount += known ? 0 : 1;
    this.#put(clientId, { order: known?.order ?? PENDING + this.#pendingCount, node, at: new Date(at), author: "visitor" });
  }

  removePending(clientId) {
    this.#remove(clientId);
  }

  /** Make the rows of running answers match the questions that wait. */
  setRunning(seqs) {
    for (const seq of seqs) {
      if (this.#running.has(seq)) continue;
      const { item, text } = this.#view.writing();
      this.#running.set(seq, { reveal: new Reveal(text, this.#locale) });
      this.#put(`run:${seq}`, { order: RUNNING + seq, node: item, at: null, author: "bot" });
    }
    for (const [seq, running] of this.#running) {
      if (!seqs.includes(seq) && !running.ending) this.#dropRunning(seq);
    }
  }

  stream(replyTo, text) {
    this.#running.get(replyTo)?.reveal.push(text);
  }

  toEnd() {
    this.#following = true;
    const { scroller } = this.#parts;
    scroller.scrollTo({ top: scroller.scrollHeight, behavior: prefersReducedMotion() ? "auto" : "smooth" });
  }

  /** Let what was shown of a running answer finish its reveal before the stored message replaces it. */
  async #endRunning(replyTo, node) {
    const running = this.#running.get(replyTo);
    if (!running) return;
    running.ending = true;
    await running.reveal.finish();
    if (this.#running.get(replyTo) !== running) return;
    const streamed = this.#rows.get(`run:${replyTo}`)?.node.querySelector(".stream").textContent;
    if (streamed) node.classList.remove("arriving");
    this.#dropRunning(replyTo);
  }

  #dropRunning(seq) {
    this.#running.get(seq)?.reveal.stop();
    this.#running.delete(seq);
    this.#remove(`run:${seq}`);
  }

  #remove(key) {
    this.#rows.get(key)?.node.remove();
    this.#rows.delete(key);
  }

  #put(key, row) {
    this.#remove(key);
    const after = [...this.#rows.values()].filter((each) => each.order > row.order).sort((a, b) => a.order - b.order)[0];
    this.#parts.messages.insertBefore(row.node, after?.node ?? null);
    this.#rows.set(key, row);
    this.#regroup();
  }

  /** Day lines, one name per run of messages by the same author, and suggestions only while they are news. */
  #regroup() {
    for (const line of this.#parts.messages.querySelectorAll(".day")) line.remove();
    const rows = [...this.#rows.values()].sort((a, b) => a.order - b.order);
    const asked = rows.findLastIndex((row) => row.author === "visitor");
    let before = null;
    for (const [index, row] of rows.entries()) {
      for (const offer of row.node.querySelectorAll(".choices, .go-on")) offer.hidden = index < asked;
      const at = row.at ?? before?.at ?? null;
      const newDay = at && (!before?.at || startOfDay(at) !== startOfDay(before.at));
      if (newDay) row.node.before(this.#view.day(at));
      const close = at && before?.at && at - before.at < SAME_GROUP_MS;
      row.node.classList.toggle("grouped", !newDay && close && before.author === row.author);
      before = { at, author: row.author };
    }
  }

  #scrolled() {
    const { scroller, jump } = this.#parts;
    const left = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight;
    // Only the visitor scrolls up; a smooth scroll to the end passes through positions far from it.
    if (left < NEAR_END_PX) this.#following = true;
    else if (scroller.scrollTop < this.#lastTop) this.#following = false;
    this.#lastTop = scroller.scrollTop;
    jump.hidden = left < NEAR_END_PX;
  }

  /** Follow the end, but never push the visitor's latest question out of sight. */
  #grown() {
    const { scroller, messages } = this.#parts;
    this.#scrolled();
    if (!this.#following) return;
    const end = scroller.scrollHeight - scroller.clientHeight;
    const asked = [...messages.querySelectorAll('[data-author="visitor"]')].at(-1);
    const above = asked ? asked.getBoundingClientRect().top - scroller.getBoundingClientRect().top : end;
    const askedTop = scroller.scrollTop + above - ABOVE_QUESTION_PX;
    scroller.scrollTop = Math.min(end, Math.max(askedTop, scroller.scrollTop));
  }
}
