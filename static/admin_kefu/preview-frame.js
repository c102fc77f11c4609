import { Formatter } from "../chat/format.js";
import { MessageView } from "../chat/message.js";

/**
 * Shows what the page around this frame sends: `{question, event, theme}`, where `event` is a bot message as the
 * chat's socket would bring it. The chat's own code draws it; nothing can be pressed to any effect.
 */
const config = JSON.parse(document.getElementById("kefu-config").textContent);
const list = document.querySelector(".messages");
const nothing = () => {};
const view = new MessageView({
  strings: config.strings,
  format: new Formatter(config.locale),
  persona: config.persona,
  offers: { rating: false, handoff: false },
  choose: nothing, ask: nothing, rate: nothing, handoff: nothing,
});
const conversation = { at: () => null };

function report() {
  parent.postMessage({ kefuHeight: Math.ceil(document.body.getBoundingClientRect().height) }, location.origin);
}

addEventListener("message", ({ data, origin, source }) => {
  if (origin !== location.origin || source !== parent || !data) return;
  if (data.theme) document.documentElement.dataset.theme = data.theme;
  if (data.event) {
    const { question, event } = data;
    const asked = question ? [view.durable({ role: "visitor", text: question, at: event.at }, { conversation })] : [];
    const answered = event.text ? [view.durable(event, { conversation, fresh: false })] : [];
    list.replaceChildren(...asked, ...answered);
  }
  report();
});
new ResizeObserver(report).observe(list);
parent.postMessage({ kefuReady: true }, location.origin);
