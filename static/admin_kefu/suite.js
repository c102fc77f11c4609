/** Follows a test run until it is finished, and shows it then. */
const ASK_MS = 1000;
const ASK_AGAIN_MS = 5000;

const root = document.querySelector("[data-suite]");
const part = (name) => root.querySelector(`[data-part="${name}"]`);

const follow = async () => {
  let wait = ASK_MS;
  try {
    const answer = await fetch(root.dataset.progress, { headers: { Accept: "application/json" } });
    if (!answer.ok) throw new Error(String(answer.status));
    const { waits, done, total, sentence } = await answer.json();
    if (!waits) {
      location.reload();
      return;
    }
    part("bar").max = total;
    part("bar").value = done;
    part("sentence").textContent = sentence;
    part("numbers").textContent = `${done} / ${total}`;
  } catch {
    wait = ASK_AGAIN_MS;
  }
  setTimeout(follow, wait);
};

if (root.dataset.waits) setTimeout(follow, ASK_MS / 4);
