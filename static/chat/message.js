import { el, fill, icon, setServerSanitisedHtml } from "./dom.js";

/**
 * Builds the list items of the transcript. `page`: strings, format, persona, locale, locales, foreignAnswer, and the
 * actions `choose(suggestion)`, `ask(text)`, `rate(seq, value, reason)`, `handoff()`, `goOn(locale)`.
 */
export class MessageView {
  #page;
  #locales;

  constructor(page) {
    this.#page = page;
    this.#locales = new Map((page.locales ?? []).map((each) => [each.locale, each]));
  }

  /** A durable message as it stays. */
  durable(event, { conversation, fresh }) {
    if (event.role === "visitor") return this.#visitor(event.text, new Date(event.at), this.#sentMark());
    if (event.role === "system") return this.line(event.text);
    const bot = event.role === "bot";
    const author = bot ? this.#page.persona : this.#page.strings.person;
    const locale = this.#locales.get(event.lang);
    const bubble = el("div", { class: "bubble prose", dir: locale?.dir ?? "auto", lang: event.lang });
    if (event.html) setServerSanitisedHtml(bubble, event.html);
    else bubble.textContent = event.text;
    const foreign = bot && locale && languageOf(event.lang) !== languageOf(this.#page.locale) ? locale : null;
    if (foreign) this.#markNote(bubble);
    const item = this.#incoming(author, bot, bubble, foreign);
    item.dataset.outcome = event.outcome ?? "";
    item.classList.toggle("arriving", fresh);
    const body = item.querySelector(".body");
    if (bot) body.append(...this.#whole(event));
    if (event.suggestions?.length) body.append(this.#suggestions(event));
    if (bot) body.append(...this.#actions(event, conversation));
    if (bot) body.append(...this.#botMeta(event));
    else body.append(el("div", { class: "meta" }, this.#time(new Date(event.at))));
    return item;
  }

  /** The visitor's own message before its acknowledgement. */
  pending(item, { retry }) {
    const { strings } = this.#page;
    const failed = item.state === "failed";
    const mark = el("span", { class: failed ? "mark mark-failed" : "mark mark-sending" },
      icon(failed ? "alert" : "clock"), el("span", { text: failed ? strings.not_sent : strings.sending }));
    const again = failed && el("button", { class: "link", type: "button", text: strings.try_again, on: { click: retry } });
    const node = this.#visitor(item.shown, new Date(item.at), mark, again);
    node.dataset.delivery = item.state;
    return node;
  }

  /** A question offered before the conversation begins. */
  asked(suggestion) {
    return el("li", {}, el("button", {
      class: "asked", type: "button", text: suggestion.question, dir: "auto",
      on: { click: (event) => this.#page.choose(suggestion, event) },
    }));
  }

  /** An answer that is being written: dots, then text. */
  writing() {
    const bubble = el("div", { class: "bubble bubble-writing", dir: "auto" });
    const text = el("span", { class: "stream" });
    const label = fill(this.#page.strings.writing, { name: this.#page.persona });
    const dots = el("span", { class: "dots", role: "img", "aria-label": label },
      el("i"), el("i"), el("i"));
    bubble.append(text, dots);
    const item = this.#incoming(this.#page.persona, true, bubble);
    item.classList.add("arriving");
    return { item, text };
  }

  /** A quiet line in the middle: whose turn it is now. */
  line(text, action = null) {
    return el("li", { class: "line" }, el("span", { class: "line-text", text, dir: "auto" }), action);
  }

  day(date) {
    return el("li", { class: "day" }, el("time", { datetime: date.toISOString(), text: this.#page.format.day(date) }));
  }

  #visitor(text, date, mark, extra = null) {
    return el("li", { class: "message", "data-author": "visitor" },
      el("div", { class: "body" },
        el("p", { class: "visually-hidden", text: this.#page.strings.you }),
        el("div", { class: "bubble bubble-visitor", dir: "auto", text }),
        el("div", { class: "meta" }, this.#time(date), mark, extra)));
  }

  /** The sentence above a text in another language, which says that it is one, is in the page's own. */
  #markNote(bubble) {
    const first = bubble.firstElementChild;
    if (!first || first.textContent.trim() !== this.#page.foreignAnswer) return;
    first.classList.add("note");
    first.lang = this.#page.locale;
    first.dir = this.#locales.get(this.#page.locale)?.dir ?? "auto";
  }

  #incoming(author, bot, bubble, foreign = null) {
    const initial = [...author][0] ?? "";
    return el("li", { class: "message", "data-author": bot ? "bot" : "agent" },
      el("span", { class: bot ? "avatar" : "avatar avatar-agent", "aria-hidden": "true", text: initial }),
      el("div", { class: "body" },
        el("p", { class: "author" }, el("span", { text: author, dir: "auto" }),
          bot && el("span", { class: "badge", text: this.#page.strings.ai_badge, title: this.#page.strings.ai_assistant }),
          foreign && el("span", { class: "badge badge-language", text: foreign.name, lang: foreign.locale, dir: foreign.dir })),
        bubble));
  }

  #suggestions({ suggestions, lang }) {
    const rows = suggestions.map((suggestion) => el("li", {}, el("button", {
      class: "choice", type: "button", dir: "auto", lang, on: { click: (event) => this.#page.choose(suggestion, event) },
    }, el("span", { text: suggestion.question }), icon("chevron", { directional: true }))));
    return el("ul", { class: "choices", role: "list", "aria-label": this.#page.strings.choices }, ...rows);
  }

  #actions(event, conversation) {
    return [this.#goOn(event.switch), ...this.#mend(event, conversation)].filter(Boolean);
  }

  /** The offer to go on in another of the tenant's locales, in its own language. */
  #goOn(name) {
    const locale = name !== this.#page.locale && this.#locales.get(name);
    return locale && el("button", {
      class: "action go-on", type: "button", lang: locale.locale, dir: locale.dir,
      on: { click: () => this.#page.goOn(locale.locale) },
    }, icon("globe"), el("span", { text: locale.go_on }));
  }

  /** The offer to read the approved answer in full, below what was made of it; several answers are told apart. */
  #whole({ composed, sources, lang }) {
    const { strings } = this.#page;
    if (!COMPOSED.has(composed) || !sources?.length) return [];
    return sources.map((source) => el("button", {
      class: "action whole", type: "button", on: { click: (event) => this.#page.choose(source, event) },
    }, icon("down"), el("span", { text: strings.whole_answer }),
    sources.length > 1 && el("span", { class: "whole-of", text: source.question, lang, dir: "auto" })));
  }

  #mend(event, conversation) {
    const { strings } = this.#page;
    if (event.outcome === "declined") {
      if (!this.#page.offers.handoff) return [];
      return [el("button", { class: "action", type: "button", on: { click: () => this.#page.handoff() } },
        icon("person"), el("span", { text: strings.talk_to_person }))];
    }
    const question = conversation.at(event.reply_to);
    if (!question || (event.outcome !== "failed" && event.outcome !== "stopped")) return [];
    return [el("button", {
      class: "action", type: "button", text: strings.ask_again, on: { click: () => this.#page.ask(question.text) },
    })];
  }

  #botMeta(event) {
    const { strings } = this.#page;
    const label = { stopped: strings.outcome_stopped, failed: strings.outcome_failed }[event.outcome];
    const composed = COMPOSED.has(event.composed) && event.outcome === "answered" && event.composed;
    const meta = el("div", { class: "meta" }, this.#time(new Date(event.at)),
      composed && el("span", { class: "mark mark-composed", title: strings[`composed_${composed}_note`] },
        icon("spark"), el("span", { text: strings[`composed_${composed}`] })),
      label && el("span", { class: "mark" }, icon(event.outcome === "failed" ? "alert" : "stop"), el("span", { text: label })));
    if (this.#page.offers.rating && event.outcome === "answered" && event.reply_to) meta.append(this.#rating(event.seq));
    if (!event.sources?.length) return [meta];
    const sheet = this.#sources(event);
    meta.append(this.#sourcesButton(sheet));
    return [meta, sheet];
  }

  #sources({ seq, sources, lang }) {
    return el("div", { class: "sources-sheet", id: `kefu-sources-${seq}`, hidden: true },
      el("p", { text: this.#page.strings.sources_note }),
      el("ul", {}, ...sources.map((source) => el("li", { text: source.question, dir: "auto", lang }))));
  }

  #sourcesButton(sheet) {
    const toggle = (event) => {
      sheet.hidden = !sheet.hidden;
      event.currentTarget.setAttribute("aria-expanded", String(!sheet.hidden));
    };
    return el("button", {
      class: "sources", type: "button", "aria-expanded": "false", "aria-controls": sheet.id, on: { click: toggle },
    }, icon("chevron", { directional: true }), el("span", { text: this.#page.strings.sources }));
  }

  #rating(seq) {
    const { strings } = this.#page;
    const group = el("div", { class: "rating", role: "group", "aria-label": strings.rate });
    const button = (value, name, label) => el("button", {
      class: "thumb", type: "button", "aria-label": label, title: label, "aria-pressed": "false",
      on: { click: (event) => this.#rated(group, event.currentTarget, seq, value) },
    }, icon(name));
    group.append(button(1, "up-thumb", strings.rate_up), button(-1, "down-thumb", strings.rate_down));
    return group;
  }

  #rated(group, pressed, seq, value) {
    const { strings, rate } = this.#page;
    rate(seq, value, "");
    for (const thumb of group.querySelectorAll(".thumb")) thumb.setAttribute("aria-pressed", String(thumb === pressed));
    const body = group.closest(".body");
    body.querySelector(".feedback")?.remove();
    const thanks = el("p", { class: "feedback", role: "status" });
    if (value > 0) {
      body.append(thanks);
      thanks.textContent = strings.rate_thanks;
      return;
    }
    const field = el("input", {
      type: "text", dir: "auto", maxlength: "500", placeholder: strings.rate_reason, "aria-label": strings.rate_reason,
    });
    const form = el("form", { class: "feedback feedback-form", on: { submit: (event) => {
      event.preventDefault();
      if (field.value.trim()) rate(seq, value, field.value.trim());
      form.replaceWith(thanks);
      thanks.textContent = strings.rate_thanks;
    } } }, field, el("button", { class: "action", type: "submit", text: strings.rate_send }));
    body.append(form);
    field.focus();
  }

  #sentMark() {
    return el("span", { class: "mark", title: this.#page.strings.sent }, icon("check"),
      el("span", { class: "visually-hidden", text: this.#page.strings.sent }));
  }

  #time(date) {
    const { format } = this.#page;
    return el("time", { datetime: date.toISOString(), title: format.dateAndTime(date), text: format.time(date) });
  }
}

/** What is put together for a question is not the approved answer itself, which can then be asked for. */
const COMPOSED = new Set(["extractive", "generated"]);

const languageOf = (locale) => locale.split("-", 1)[0];
