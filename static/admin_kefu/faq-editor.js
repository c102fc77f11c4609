import { Frame } from "./frame.js";
import { el } from "../chat/dom.js";

const PAUSE_MS = 300;

/** What stands beside the FAQ form: the source to translate from, and the answer as customers will see it. */
class Editor {
  #side;
  #form;
  #frame;
  #timer = 0;
  #request = null;

  constructor(side, form) {
    this.#side = side;
    this.#form = form;
    this.#frame = new Frame(this.#part("frame"));
    this.#setTheme(document.documentElement.classList.contains("dark"));
    this.#part("theme").addEventListener("click", () => this.#setTheme(!this.#frame.isDark));
    form.addEventListener("input", () => this.#soon());
    // The select of the locale profile tells jQuery's listeners alone when it is made by select2.
    form.addEventListener("change", (event) => this.#changed(event.target));
    window.django?.jQuery?.(form).on("change", "[name=profile]", (event) => this.#changed(event.target));
    this.#openProfile();
  }

  #part(name) {
    return this.#side.querySelector(`[data-part="${name}"]`);
  }

  #value(name) {
    return this.#form.elements.namedItem(name)?.value ?? "";
  }

  get #profile() {
    return this.#side.dataset.profile || this.#value("profile");
  }

  get #key() {
    return this.#side.dataset.key || this.#value("key");
  }

  #changed(field) {
    if (field.name === "profile") this.#openProfile();
    else if (field.name === "key") this.#showSource();
    else this.#soon();
  }

  #openProfile() {
    const profile = this.#profile;
    this.#part("no-profile").hidden = Boolean(profile);
    this.#part("frame").hidden = !profile;
    const tryIt = this.#side.querySelector("[data-try]");
    tryIt.dataset.profile = profile;
    if (!profile) return;
    this.#frame.open(`${this.#side.dataset.frame}?profile=${encodeURIComponent(profile)}`);
    this.#preview();
    this.#showSource();
  }

  #soon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#preview(), PAUSE_MS);
  }

  async #preview() {
    if (!this.#profile) return;
    this.#request?.abort();
    this.#request = new AbortController();
    const body = new FormData();
    for (const name of ["question", "answer", "follow_ups", "csrfmiddlewaretoken"]) body.set(name, this.#value(name));
    body.set("profile", this.#profile);
    body.set("key", this.#key);
    const notes = this.#part("notes");
    try {
      const response = await fetch(this.#side.dataset.preview, { method: "POST", body, signal: this.#request.signal });
      const found = await response.json();
      if (!response.ok) throw new Error(found.error);
      this.#frame.show({ question: found.question, event: found.event });
      notes.replaceChildren(...found.notes.map((text) => el("li", { text, dir: "auto" })));
    } catch (error) {
      if (error.name === "AbortError") return;
      const known = !(error instanceof TypeError || error instanceof SyntaxError) && error.message;
      notes.replaceChildren(el("li", { text: known || this.#side.dataset.labelFailed }));
    }
  }

  async #showSource() {
    const query = new URLSearchParams({ profile: this.#profile, key: this.#key });
    const card = this.#part("source");
    let source = null;
    try {
      const response = await fetch(`${this.#side.dataset.source}?${query}`);
      source = response.ok ? (await response.json()).source : null;
    } catch {
      // Without a source the form is as it was; the next change of the id asks again.
    }
    card.hidden = !source;
    if (!source) return;
    this.#part("source-locale").textContent = `${source.locale} · ${source.name}`;
    const text = this.#part("source-text");
    text.lang = source.locale;
    text.dir = source.direction;
    this.#part("source-question").textContent = source.question;
    this.#part("source-alternates").replaceChildren(...source.alternates.map((line) => el("li", { text: line })));
    this.#part("source-answer").textContent = source.answer;
  }

  #setTheme(dark) {
    this.#frame.setTheme(dark);
    this.#part("theme").setAttribute("aria-pressed", String(dark));
  }
}

const side = document.querySelector("[data-editor]");
const form = document.getElementById("faqentry_form");
if (side && form) new Editor(side, form);

await import("./try-it.js");
