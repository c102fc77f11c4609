import { lasting } from "./storage.js";

/** The light and dark switch; without a choice, the system's. */
export class ThemeSwitch {
  #button;
  #strings;
  #system = matchMedia("(prefers-color-scheme: dark)");
  #listeners = null;

  constructor(button, { strings }) {
    this.#button = button;
    this.#strings = strings;
  }

  connect() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#button.addEventListener("click", () => this.#toggle(), { signal });
    this.#system.addEventListener("change", () => this.#label(), { signal });
    this.#label();
  }

  disconnect() {
    this.#listeners?.abort();
  }

  get #dark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : this.#system.matches;
  }

  #toggle() {
    const theme = this.#dark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    lasting.set("kefu:theme", theme);
    this.#label();
  }

  #label() {
    const label = this.#dark ? this.#strings.theme_light : this.#strings.theme_dark;
    this.#button.setAttribute("aria-label", label);
    this.#button.title = label;
    this.#button.dataset.dark = String(this.#dark);
  }
}
