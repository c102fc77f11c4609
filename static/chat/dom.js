const SVG = "http://www.w3.org/2000/svg";

/** Create an element; `text` goes in as text, `on` maps event names to listeners, the rest are attributes. */
export function el(tag, { text, on = {}, ...attributes } = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value);
  }
  if (text !== undefined) node.textContent = text;
  for (const [name, listener] of Object.entries(on)) node.addEventListener(name, listener);
  node.append(...children.filter(Boolean));
  return node;
}

/** One icon of the page's sprite; decoration only, so hidden from assistive technology. */
export function icon(name, { directional = false } = {}) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", directional ? "icon icon-directional" : "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/**
 * The only place where markup is parsed: `html` must be an `html` field that the server sent, of a durable message
 * or of an explanation in the admin, which it has sanitised or escaped. Never call it with `text`.
 */
export function setServerSanitisedHtml(node, html) {
  node.innerHTML = html;
  for (const link of node.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const table of node.querySelectorAll("table")) {
    const frame = el("div", { class: "table-frame", tabindex: "0" });
    table.replaceWith(frame);
    frame.append(table);
  }
}

/** Fill `{name}` placeholders of a translated sentence. */
export function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export const prefersReducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
