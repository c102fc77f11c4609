import { el, setServerSanitisedHtml } from "../chat/dom.js";
import { Frame } from "./frame.js";

const DRAFT_FIELDS = ["question", "alternates", "answer", "category", "follow_ups"];

/** One panel to try questions in: asks the live index, with the form's draft in it where there is a form. */
class TryIt {
  #panel;
  #frame;

  constructor(panel, frame) {
    this.#panel = panel;
    this.#frame = frame;
    this.#part("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#ask();
    });
    if (this.#part("text").value) this.#ask();
  }

  #part(name) {
    return this.#panel.querySelector(`[data-part="${name}"]`);
  }

  async #ask() {
    const result = this.#part("result");
    result.setAttribute("aria-busy", "true");
    let problem = this.#panel.dataset.failed;
    try {
      const response = await fetch(this.#panel.dataset.url, { method: "POST", body: this.#body() });
      const found = await response.json();
      problem = found.error;
      if (response.ok) {
        setServerSanitisedHtml(result, found.html);
        this.#frame?.show({ question: found.text, event: found.event });
      }
    } catch {
      // The sentence that was chosen before says so.
    }
    if (problem) result.replaceChildren(el("p", { class: "kn-note", text: problem }));
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
}

const iframe = document.querySelector("iframe[data-frame]");
const frame = iframe && new Frame(iframe);
frame?.setTheme(document.documentElement.classList.contains("dark"));
for (const panel of document.querySelectorAll("[data-try]")) new TryIt(panel, frame);
