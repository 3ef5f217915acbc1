// What the page says when the connection is lost or the server reports an error.

import { toast } from "../base/messages.js";

/** @param isSaidElsewhere whether the view on the screen shows errors itself */
export function watchConnection({ live, models }, isSaidElsewhere) {
  const banner = document.getElementById("connection");
  let failure = null; // each error is reported once, not with every frame
  live.addEventListener("lost", () => {
    banner.hidden = false; // first, or a screen reader would not notice the text
    banner.textContent = "Connection lost. You can go on drawing: the page reconnects by itself.";
  });
  live.addEventListener("found", () => {
    banner.hidden = true;
    toast("Connected again.");
    refreshModels(models); // it may be another server now
  });
  live.addEventListener("answer", () => { failure = null; });
  live.addEventListener("error", ({ detail }) => {
    if (detail === failure) return;
    failure = detail;
    if (!isSaidElsewhere()) toast(detail, "error");
    refreshModels(models); // the chosen model may be gone; the default replaces it
  });
}

export async function refreshModels(models) {
  try {
    await models.refresh();
  } catch (error) {
    if (error.status !== 0) toast(error.message, "error"); // without any answer the banner is enough
  }
}
