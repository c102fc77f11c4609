/** Keyboard and pointer manners of the locale menu: a disclosure of plain links, usable without script. */
export class LocaleMenu {
  #details;
  #listeners = null;

  constructor(details) {
    this.#details = details;
  }

  connect() {
    this.#listeners = new AbortController();
    const { signal } = this.#listeners;
    this.#details.addEventListener("keydown", (event) => this.#key(event), { signal });
    this.#details.addEventListener("toggle", () => this.#opened(), { signal });
    this.#details.addEventListener("focusout", (event) => this.#left(event), { signal });
    document.addEventListener("pointerdown", (event) => {
      if (!this.#details.contains(event.target)) this.#details.open = false;
    }, { signal });
  }

  disconnect() {
    this.#listeners?.abort();
    this.#details.open = false;
  }

  get #links() {
    return [...this.#details.querySelectorAll("a")];
  }

  #opened() {
    if (this.#details.open) this.#details.querySelector("[aria-current]")?.focus();
  }

  #left(event) {
    if (event.relatedTarget && !this.#details.contains(event.relatedTarget)) this.#details.open = false;
  }

  #key(event) {
    if (event.key === "Escape" && this.#details.open) {
      event.stopPropagation();
      this.#details.open = false;
      this.#details.querySelector("summary").focus();
      return;
    }
    const links = this.#links;
    const here = links.indexOf(document.activeElement);
    const to = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: links.length - 1 }[event.key];
    if (to === undefined || !this.#details.open) return;
    event.preventDefault();
    links[(to + links.length) % links.length].focus();
  }
}
