// Runs once for the source viewer; Gradio gives `element` (the viewer), `trigger` and `watch`.
let opener = null; // the link that was followed last, and how

document.addEventListener(
  "click",
  (event) => {
    const link = event.target.closest?.('a[href^="#source:"], a[href="#dossier"]');
    if (!link) return;
    event.preventDefault();
    opener = { link, byKey: event.detail === 0 };
    trigger("click", { address: link.getAttribute("href") });
  },
  true,
);

element.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opener?.link.isConnected) opener.link.focus();
});

watch("value", () => {
  const page = element.closest("#evidence") ?? element;
  const mark = element.querySelector("mark");
  const below = element.querySelector("header")?.offsetHeight ?? 0;
  const top = mark ? mark.getBoundingClientRect().top - page.getBoundingClientRect().top : 0;
  page.scrollTop = mark ? page.scrollTop + top - below - page.clientHeight / 5 : 0;
  if (!opener) return;
  if (matchMedia("(max-width: 860px)").matches) page.scrollIntoView({ block: "start" });
  if (opener.byKey) (mark ?? element.querySelector("h2"))?.focus({ preventScroll: true });
});

// Gradio labels a message with its source text; screen readers shall read the message itself.
new MutationObserver(() => {
  for (const message of document.querySelectorAll("#chat [data-testid][aria-label]"))
    message.removeAttribute("aria-label");
}).observe(document.body, { childList: true, subtree: true, attributeFilter: ["aria-label"] });

trigger("click", { address: location.hash.startsWith("#source:") ? location.hash : "#dossier" });
