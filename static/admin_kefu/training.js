/**
 * Follows a training, or a version on its way to being live; says how far each locale has moved on since its version
 * learned; keeps a button from being pressed twice.
 */
const ASK_MS = 1000;
const ASK_AGAIN_MS = 5000;

const root = document.querySelector("[data-follow]");
const part = (name, within = root) => within.querySelector(`[data-part="${name}"]`);

const write = (name, text) => {
  const place = part(name);
  // What is announced to a screen reader is written only when it says something new.
  if (place && text !== undefined && place.textContent !== text) place.textContent = text;
};

const drawBar = (percent) => {
  const bar = part("bar");
  if (!bar) return;
  if (percent === null) bar.removeAttribute("value");
  else bar.value = percent;
};

const drawStages = (stages) => {
  for (const { name, state, said, steps } of stages) {
    const line = root.querySelector(`[data-name="${CSS.escape(name)}"]`);
    line.dataset.state = state;
    if (state === "current") line.setAttribute("aria-current", "step");
    else line.removeAttribute("aria-current");
    part("said", line).textContent = said;
    part("steps", line).textContent = steps;
  }
};

const drawCurve = ({ x, y, lines }) => {
  const chart = root.querySelector("[data-chart]");
  part("curve").hidden = false;
  for (const [axis, labels] of [["x", x], ["y", y]]) {
    chart.querySelectorAll(`[data-tick="${axis}"]`).forEach((tick, place) => {
      tick.textContent = labels[place];
    });
  }
  for (const [name, path] of Object.entries(lines)) {
    chart.querySelector(`[data-line="${CSS.escape(name)}"]`).setAttribute("d", path);
    chart.querySelector(`[data-key="${CSS.escape(name)}"]`).hidden = !path;
  }
};

const show = (progress) => {
  for (const name of ["sentence", "left", "heard", "numbers"]) write(name, progress[name]);
  drawBar(progress.percent);
  if (progress.stages) drawStages(progress.stages);
  if (progress.curve) drawCurve(progress.curve);
};

const follow = async () => {
  let wait = ASK_MS;
  try {
    const answer = await fetch(root.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const progress = await answer.json();
    if (progress.mark !== root.dataset.stage) {
      location.reload();
      return;
    }
    show(progress);
    if (!progress.waits) return;
  } catch {
    wait = ASK_AGAIN_MS;
  }
  setTimeout(follow, wait);
};

if (root?.dataset.waits) setTimeout(follow, ASK_MS / 4);

/** One locale after the other: each reads a whole FAQ. */
const sayWhatMoved = async () => {
  for (const place of document.querySelectorAll("[data-moved]")) {
    try {
      const answer = await fetch(place.dataset.moved, { headers: { Accept: "application/json" } });
      if (!answer.ok) throw new Error(String(answer.status));
      const { sentence, advises } = await answer.json();
      place.textContent = sentence;
      place.className = advises ? "kn-note" : "kn-quiet";
    } catch {
      place.hidden = true;
    }
  }
};
sayWhatMoved();

for (const button of document.querySelectorAll("[data-once]")) {
  button.form.addEventListener("submit", (event) => {
    if (event.submitter !== button) return;
    // Disabled after the event, or the browser would leave its name and value out.
    setTimeout(() => {
      button.disabled = true;
    });
  });
}
