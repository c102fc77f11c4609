/** Follows the background jobs of an upload, and keeps a button from being pressed twice. */
const ASK_MS = 1000;
const ASK_AGAIN_MS = 5000;

const root = document.querySelector("[data-upload]");
const part = (name, within = root) => within.querySelector(`[data-part="${name}"]`);

const draw = (within, { done, total, sentence, isOver = false }) => {
  const bar = part("bar", within);
  if (isOver) bar.value = 100;
  else if (total) bar.value = Math.floor((done / total) * 100);
  else bar.removeAttribute("value");
  part("sentence", within).textContent = sentence;
  part("numbers", within).textContent = total && !isOver ? `${done} / ${total}` : "";
};

const show = (progress) => {
  const box = part("progress");
  box.hidden = !progress.sentence;
  if (progress.sentence) draw(box, progress);
  for (const locale of progress.locales) {
    const line = root.querySelector(`[data-locale="${CSS.escape(locale.locale)}"]`);
    if (!line) continue;
    line.dataset.state = locale.state;
    draw(line, { ...locale, isOver: locale.state === "live" });
  }
};

/** A page on which somebody reads or writes is not taken from under them: it offers what is new. */
const isInUse = () => root.dataset.stage.startsWith("ready") || root.dataset.stage.startsWith("invalid");

const follow = async () => {
  let wait = ASK_MS;
  try {
    const answer = await fetch(root.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const progress = await answer.json();
    show(progress);
    if (progress.stage !== root.dataset.stage) {
      if (!isInUse()) {
        location.reload();
        return;
      }
      part("fresh").hidden = false;
    }
    if (!progress.waits) return;
  } catch {
    wait = ASK_AGAIN_MS;
  }
  setTimeout(follow, wait);
};

if (root?.dataset.waits) setTimeout(follow, ASK_MS / 4);

for (const button of document.querySelectorAll("[data-once]")) {
  button.form.addEventListener("submit", (event) => {
    if (event.submitter !== button) return;
    // Disabled after the event, or the browser would leave its name and value out.
    setTimeout(() => {
      button.disabled = true;
    });
  });
}
