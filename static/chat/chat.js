import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { Delivery } from "./delivery.js";
import { el, fill } from "./dom.js";
import { Formatter } from "./format.js";
import { LocaleMenu } from "./locale-menu.js";
import { MessageView } from "./message.js";
import { Announcer, Banner, Notice } from "./notices.js";
import { Outbox } from "./outbox.js";
import { ChatSocket, socketUrl } from "./socket.js";
import { lasting, moveTo } from "./storage.js";
import { ThemeSwitch } from "./theme-switch.js";
import { Transcript } from "./transcript.js";
import { VisibleHeight } from "./visible-height.js";

// The version of the frames: the chat socket, version 1.
const VERSION = 1;
const GAP_MS = 1500;
const REFUSALS = new Set(["unknown_tenant", "unknown_locale", "forbidden_origin"]);

/** The chat page: lets the socket, the visitor and the transcript talk to each other. */
class KefuChat extends HTMLElement {
  #config;
  #strings;
  #parts;
  #listeners;
  #tokenKey;
  #outbox;
  #delivery;
  #socket;
  #composer;
  #transcript;
  #view;
  #notice;
  #banner;
  #announcer;
  #connectable;
  #conversation = new Conversation();
  #conversationId = null;
  #caughtUpAt = null;
  #settled = false;
  #refused = false;
  #gapTimer = 0;

  connectedCallback() {
    this.#config = JSON.parse(document.getElementById(this.dataset.config).textContent);
    this.#strings = this.#config.strings;
    this.#parts = Object.fromEntries([...this.querySelectorAll("[data-part]")].map((node) => [node.dataset.part, node]));
    this.#build();
    this.#listen();
    for (const part of this.#connectable) part.connect();
    for (const item of this.#outbox.items) this.#showPending(item);
    this.#socket.open();
    this.#refresh("connecting");
    if (hasFinePointer() && document.activeElement === document.body) this.#composer.focus();
  }

  disconnectedCallback() {
    this.#socket.close();
    this.#delivery.reset();
    this.#listeners.abort();
    for (const part of this.#connectable) part.disconnect();
    clearTimeout(this.#gapTimer);
    this.#notice.hide();
    this.#banner.found();
    this.#reset();
  }

  #build() {
    const { tenant, locale, persona, max_chars: maxChars, socket_path: path } = this.#config;
    const [parts, strings, key] = [this.#parts, this.#strings, storageKey(tenant, locale)];
    const format = new Formatter(locale);
    const reconnect = () => this.#socket.reconnect();
    this.#tokenKey = `${key}:token`;
    this.#outbox = new Outbox(`${key}:outbox`);
    this.#socket = new ChatSocket({ url: socketUrl(path), hello: () => this.#hello() });
    this.#delivery = new Delivery({ outbox: this.#outbox, send: (frame) => this.#socket.send(frame), reconnect });
    this.#notice = new Notice(parts.notice, { strings, format });
    this.#announcer = new Announcer(parts.announcer);
    this.#banner = new Banner(parts.banner, { strings, reconnect });
    this.#composer = new Composer(
      { form: parts.composer, field: parts.composer.elements.text, send: parts.send, stop: parts.stop, counter: parts.counter },
      { strings, format, maxChars, draftKey: `${key}:draft` },
    );
    this.#view = new MessageView({
      strings, format, persona, locale, locales: this.#config.locales, offers: this.#config.offers,
      foreignAnswer: this.#config.foreign_answer,
      choose: (suggestion, event) => this.#choose(suggestion, event),
      ask: (text) => this.#ask(text),
      rate: (seq, value, reason) => this.#delivery.passOn({ type: "rate", seq, value, reason }),
      handoff: () => this.#handoff(),
      goOn: (other) => this.#delivery.passOn({ type: "locale", locale: other }),
    });
    this.#transcript = new Transcript(
      { scroller: parts.scroller, messages: parts.messages, jump: parts.jump }, { view: this.#view, locale },
    );
    this.#connectable = [
      this.#composer, this.#transcript, new LocaleMenu(parts.locales), new ThemeSwitch(parts.theme, { strings }),
      new VisibleHeight(),
    ];
  }

  #listen() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#socket.addEventListener("frame", (event) => this.#receive(event.detail), { signal });
    this.#socket.addEventListener("state", (event) => this.#connection(event.detail), { signal });
    this.#composer.addEventListener("send", (event) => this.#ask(event.detail), { signal });
    this.#composer.addEventListener("stop", () => this.#socket.send({ type: "stop" }), { signal });
    this.#composer.addEventListener("typing", () => this.#socket.send({ type: "typing" }), { signal });
    this.#parts.handoff.addEventListener("click", () => this.#handoff(), { signal });
  }

  // ------------------------------------------------------------------ from the visitor

  #ask(text) {
    this.#post({ type: "message", text }, text);
  }

  #choose(suggestion, event) {
    this.#post({ type: "choose", faq: suggestion.faq }, suggestion.question);
    // A tap must not call up the phone's keyboard; a key press must not lose the focus.
    if (event.detail === 0 || hasFinePointer()) this.#composer.focus();
  }

  #post(frame, shown) {
    this.#showPending(this.#outbox.add(frame, shown));
    this.#transcript.toEnd();
    if (!this.#delivery.isHeld) this.#notice.hide();
    this.#delivery.flush();
    this.#refresh();
  }

  #handoff() {
    if (this.#conversation.state === "bot") this.#delivery.passOn({ type: "handoff", reason: "" });
    this.#parts.handoff.disabled = true;
    this.#composer.focus();
  }

  #showPending(item) {
    const clientId = item.frame.client_id;
    const retry = () => {
      this.#showPending(this.#outbox.setState(clientId, "sending"));
      this.#composer.focus();
      this.#delivery.flush();
    };
    this.#transcript.addPending(clientId, this.#view.pending(item, { retry }), item.at);
  }

  // ------------------------------------------------------------------ from the server

  get #online() {
    return this.#caughtUpAt !== null && this.#conversation.lastSeq >= this.#caughtUpAt;
  }

  #hello() {
    return { type: "hello", version: VERSION, token: lasting.get(this.#tokenKey), last_seq: this.#conversation.lastSeq };
  }

  #receive(frame) {
    if (frame.type === "welcome") this.#welcome(frame);
    else if (frame.type === "message" || frame.type === "status") this.#durable(frame);
    else if (frame.type === "error") this.#error(frame);
    else if (frame.type === "delta") this.#stream(frame);
  }

  #stream(delta = null) {
    for (const each of this.#conversation.streamable(delta)) this.#transcript.stream(each.reply_to, each.text);
  }

  #welcome(frame) {
    if (frame.locale !== this.#config.locale) {
      this.#goOn(frame.locale);
      return;
    }
    if (this.#conversationId && this.#conversationId !== frame.conversation) this.#reset();
    this.#conversationId = frame.conversation;
    if (frame.token) lasting.set(this.#tokenKey, frame.token);
    this.#caughtUpAt = frame.last_seq ?? 0;
    this.#showSuggestions(frame.suggestions ?? []);
    this.#caughtUp();
  }

  /** The conversation goes on in another locale: so does the page, with what was not sent yet. */
  #goOn(locale) {
    const link = this.#parts.locales.querySelector(`a[hreflang="${CSS.escape(locale)}"]`);
    if (!link) return;
    const { tenant } = this.#config;
    moveTo(storageKey(tenant, this.#config.locale), storageKey(tenant, locale));
    this.#socket.close();
    location.assign(link.href);
  }

  #durable(event) {
    const wasOnline = this.#online;
    for (const each of this.#conversation.accept(event)) this.#show(each);
    clearTimeout(this.#gapTimer);
    if (this.#conversation.hasGap) this.#gapTimer = setTimeout(() => this.#socket.reconnect(), GAP_MS);
    if (!wasOnline) this.#caughtUp();
    this.#refresh();
    this.#stream();
  }

  #show(event) {
    const fresh = this.#settled;
    const node = event.type === "status"
      ? this.#view.line(this.#statusText(event))
      : this.#view.durable(event, { conversation: this.#conversation, fresh });
    this.#transcript.addDurable(event, node);
    if (event.client_id) this.#delivery.acknowledge(event.client_id);
    if (fresh && event.role !== "visitor") this.#announce(event);
  }

  /** All missed events are here: what was running has a hole, what was unsent can go. */
  #caughtUp() {
    if (!this.#online) return;
    this.#settled = true;
    this.#conversation.missDeltas();
    this.#delivery.ready();
    this.#banner.found();
    this.#refresh();
  }

  #error({ code, text, retry_after: seconds = 0 }) {
    const sentence = text || this.#strings.error;
    if (REFUSALS.has(code)) {
      this.#refused = true;
      this.#socket.close();
      this.#banner.refused(text || this.#strings.refused);
    } else if (code === "bad_token") {
      this.#startOver();
    } else if (seconds > 0 && this.#delivery.hold()) {
      this.#notice.show(sentence, { seconds, then: () => this.#resume() });
    } else {
      const refused = this.#delivery.inFlight;
      if (refused) this.#giveBack(this.#delivery.refuse(refused));
      if (refused && code === "closed") this.#conversation.state = "closed";
      this.#notice.show(sentence);
    }
    this.#refresh();
  }

  /** Go on after a wait; where even the hello was put off, only a new connection says it again. */
  #resume() {
    if (this.#online) this.#delivery.release();
    else this.#socket.reconnect();
  }

  /** Put a refused text back into the field; where that is taken, its bubble offers to try again. */
  #giveBack(item) {
    if (!item) return;
    const clientId = item.frame.client_id;
    if (item.frame.type === "message" && this.#composer.restore(item.shown)) {
      this.#outbox.remove(clientId);
      this.#transcript.removePending(clientId);
    } else {
      this.#showPending(item);
    }
  }

  // ------------------------------------------------------------------ states of the page

  #connection(state) {
    if (this.#refused) return;
    if (state !== "open") {
      this.#caughtUpAt = null;
      this.#delivery.unready();
      this.#conversation.missDeltas();
    }
    if (state === "waiting") this.#banner.lost();
    this.#refresh(state);
  }

  #refresh(state = "open") {
    const { presence, handoff, composer, restart, welcome } = this.#parts;
    const closed = this.#conversation.state === "closed";
    const waiting = this.#conversation.unanswered;
    if (this.#online) this.#transcript.setRunning(waiting);
    this.#composer.setRunning(this.#online && waiting.length > 0);
    presence.dataset.state = this.#online ? "online" : state === "waiting" || this.#refused ? "offline" : "connecting";
    presence.textContent = this.#strings[presence.dataset.state];
    handoff.disabled = this.#conversation.state !== "bot" || this.#refused;
    composer.hidden = closed || this.#refused;
    restart.hidden = !closed;
    if (closed && !restart.firstChild) restart.append(this.#restartButton());
    const begun = this.#conversation.started || this.#outbox.items.length > 0;
    welcome.classList.toggle("welcome-begun", begun);
    this.#parts["welcome-asked"].hidden = begun || !this.#parts["welcome-suggestions"].firstElementChild;
  }

  #restartButton() {
    const restart = () => {
      this.#startOver();
      this.#refresh("connecting");
      this.#composer.focus();
    };
    return el("button", {
      class: "action action-main", type: "button", text: this.#strings.new_conversation, on: { click: restart },
    });
  }

  #startOver() {
    lasting.remove(this.#tokenKey);
    this.#reset();
    this.#socket.reconnect();
  }

  /** Forget the conversation on the page; what has not got through yet stays. */
  #reset() {
    this.#conversation = new Conversation();
    this.#conversationId = null;
    this.#caughtUpAt = null;
    this.#settled = false;
    this.#delivery.reset();
    this.#transcript.clear();
    this.#notice.hide();
    for (const item of this.#outbox.items) this.#showPending(item);
  }

  #showSuggestions(suggestions) {
    this.#parts["welcome-suggestions"].replaceChildren(...suggestions.map((each) => this.#view.asked(each)));
  }

  #statusText({ state }) {
    return this.#strings[`status_${state}`] ?? "";
  }

  #announce(event) {
    const name = { bot: this.#config.persona, agent: this.#strings.person }[event.role];
    const text = event.type === "status" ? this.#statusText(event) : event.text;
    this.#announcer.say(name ? fill(this.#strings.said, { name, text }) : text, event.lang);
  }
}

const storageKey = (tenant, locale) => `kefu:${tenant}:${locale}`;
const hasFinePointer = () => matchMedia("(pointer: fine)").matches;

customElements.define("kefu-chat", KefuChat);
