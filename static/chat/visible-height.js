/** Keeps the page as high as what the phone's keyboard leaves visible: iOS overlays it without resizing the page. */
export class VisibleHeight {
  #listeners = null;

  connect() {
    this.#listeners = new AbortController();
    visualViewport?.addEventListener("resize", () => this.#fit(), { signal: this.#listeners.signal });
  }

  disconnect() {
    this.#listeners?.abort();
    document.documentElement.style.removeProperty("--viewport");
  }

  #fit() {
    // A pinch zoom shrinks the visual viewport too, and must not squeeze the page.
    if (Math.abs(visualViewport.scale - 1) > 0.01) return;
    document.documentElement.style.setProperty("--viewport", `${visualViewport.height}px`);
    scrollTo(0, 0);
  }
}
