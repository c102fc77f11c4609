import { el, fill } from "../chat/dom.js";
import { Frame } from "./frame.js";

const DRAFT_FIELDS = ["question", "alternates", "answer", "category", "follow_ups"];

/** One panel to try questions in: asks the live index, with the form's draft in it where there is a form. */
class TryIt {
  #panel;
  #label;
  #frame;

  constructor(panel, frame) {
    this.#panel = panel;
    this.#frame = frame;
    this.#label = (name) => panel.dataset[`label${name}`];
    const form = this.#part("form");
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
  }

  #part(name) {
    return this.#panel.querySelector(`[data-part="${name}"]`);
  }

  async #ask() {
    const result = this.#part("result");
    result.setAttribute("aria-busy", "true");
    try {
      const response = await fetch(this.#panel.dataset.url, { method: "POST", body: this.#body() });
      const found = await response.json();
      if (response.ok) {
        result.replaceChildren(...this.#shown(found));
        this.#frame?.show({ question: found.text, event: found.event });
      } else {
        result.replaceChildren(el("p", { class: "kn-note", text: found.error ?? this.#label("Failed") }));
      }
    } catch {
      result.replaceChildren(el("p", { class: "kn-note", text: this.#label("Failed") }));
    }
    result.removeAttribute("aria-busy");
  }

  #body() {
    const body = new FormData();
    body.set("csrfmiddlewaretoken", this.#part("form").elements.namedItem("csrfmiddlewaretoken").value);
    body.set("profile", this.#panel.dataset.profile);
    body.set("text", this.#part("text").value);
    const form = document.getElementById("faqentry_form");
    if (form && this.#part("draft")?.checked) {
      const value = (name) => form.elements.namedItem(name)?.value ?? "";
      for (const name of DRAFT_FIELDS) body.set(name, value(name));
      body.set("key", document.querySelector("[data-editor]")?.dataset.key || value("key"));
      body.set("draft", "1");
    }
    return body;
  }

  #shown(found) {
    const percent = (share) => Math.round(100 * share);
    const outcome = el("p", { class: "kn-outcome" },
      el("span", { class: `kefu-mark kefu-outcome-${found.outcome}`, text: found.outcome_label }),
      found.confidence !== null && el("strong", { text: `${percent(found.confidence)} %` }),
      el("span", { class: "kn-quiet", text: fill(this.#label("Thresholds"), { answer: percent(found.answer_from), clarify: percent(found.clarify_from) }) }));
    const scope = el("p", { class: "kn-quiet", text: this.#label(found.draft ? "WithDraft" : "Live") });
    if (!found.candidates.length) return [outcome, scope, el("p", { class: "kn-empty", text: this.#label("None") })];
    const asked = el("p", { class: "kn-quiet" }, el("span", { text: `${this.#label("Asked")}: ` }), this.#parts(found.asked));
    const rows = found.candidates.map((candidate, place) => this.#candidate(candidate, place === 0, percent));
    return [outcome, scope, asked, el("ol", { class: "kn-candidates" }, ...rows)];
  }

  #candidate(candidate, open, percent) {
    const name = candidate.url
      ? el("a", { href: candidate.url, text: candidate.question, dir: "auto" })
      : el("span", { text: candidate.question, dir: "auto" });
    const summary = el("summary", {},
      el("span", { class: "kn-candidate-name" }, name,
        el("small", {}, el("code", { text: candidate.key }), candidate.is_draft && el("span", { class: "kn-badge", text: this.#label("Draft") }))),
      el("span", { class: "kn-score" }, el("span", { text: `${percent(candidate.probability)} %` }),
        el("progress", { class: "kn-progress", max: "1", value: String(candidate.probability), "aria-label": this.#label("Probability") })));
    const matched = el("p", {}, el("span", { class: "kn-quiet", text: `${this.#label("Matched")}: ` }), this.#parts(candidate.matched));
    const head = el("thead", {}, el("tr", {},
      ...["Signal", "Value", "Adds"].map((name) => el("th", { scope: "col", text: this.#label(name) }))));
    const signals = el("table", { class: "kn-signals" }, head, el("tbody", {}, ...candidate.signals.map((signal) => this.#signal(signal))));
    return el("li", {}, el("details", { open }, summary, matched, signals));
  }

  #signal(signal) {
    return el("tr", {},
      el("th", { scope: "row", text: signal.label }),
      el("td", {}, el("progress", { class: "kn-progress", max: "1", value: String(Math.max(0, signal.value)), "aria-hidden": "true" }),
        el("span", { text: signal.value.toFixed(2) })),
      el("td", { text: `${signal.adds < 0 ? "−" : "+"}${Math.abs(signal.adds).toFixed(2)}` }));
  }

  #parts(parts) {
    return el("bdi", { dir: "auto" }, ...parts.map(({ text, marked }) => (marked ? el("mark", { text }) : document.createTextNode(text))));
  }
}

const iframe = document.querySelector("iframe[data-frame]");
const frame = iframe && new Frame(iframe);
frame?.setTheme(document.documentElement.classList.contains("dark"));
for (const panel of document.querySelectorAll("[data-try]")) new TryIt(panel, frame);
