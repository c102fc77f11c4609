/**
 * What this page knows of one conversation: durable events in order of seq, each once,
 * which questions still wait for an answer, and whose turn it is. Knows no DOM.
 */
export class Conversation {
  lastSeq = 0;
  state = "bot";
  #byseq = new Map();
  #held = new Map();
  #open = new Set();
  #partial = new Set();
  #early = [];

  /**
   * Take one durable event; return the events that are now in order: none for a repeat,
   * none while an earlier one is missing, several when a gap closes.
   */
  accept(event) {
    if (event.seq <= this.lastSeq) return [];
    this.#held.set(event.seq, event);
    const ready = [];
    while (this.#held.has(this.lastSeq + 1)) {
      const next = this.#held.get(this.lastSeq + 1);
      this.#held.delete(next.seq);
      this.lastSeq = next.seq;
      this.#byseq.set(next.seq, next);
      this.#track(next);
      ready.push(next);
    }
    return ready;
  }

  get hasGap() {
    return this.#held.size > 0;
  }

  /** Sequence numbers of the visitor's messages that wait for the bot, oldest first. */
  get unanswered() {
    return [...this.#open];
  }

  get started() {
    return [...this.#byseq.values()].some((event) => event.role === "visitor");
  }

  at(seq) {
    return this.#byseq.get(seq) ?? null;
  }

  /**
   * Take a delta; return the deltas that can be shown now. One may overtake its own question, which
   * then still comes; without `delta`, return those that waited for that.
   */
  streamable(delta = null) {
    const known = [...this.#early, ...(delta ? [delta] : [])];
    this.#early = known.filter((each) => each.reply_to > this.lastSeq);
    return known.filter((each) => this.#open.has(each.reply_to) && !this.#partial.has(each.reply_to));
  }

  /** After a lost connection the rest of a running answer would have a hole: wait for the whole. */
  missDeltas() {
    for (const seq of this.#open) this.#partial.add(seq);
    this.#early = [];
  }

  #track(event) {
    if (event.type === "status") {
      this.state = event.state;
      if (event.state === "agent" || event.state === "closed") this.#open.clear();
    } else if (event.role === "visitor" && this.state === "bot") {
      this.#open.add(event.seq);
    } else if (event.role === "bot") {
      this.#open.delete(event.reply_to);
    }
  }
}
