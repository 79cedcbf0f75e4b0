// Before Gradio reads which language the browser prefers: the one chosen here goes first.
{
  const kept = localStorage.getItem("visit-desk.language");
  if (kept) Object.defineProperty(navigator, "language", { get: () => kept, configurable: true });
}
