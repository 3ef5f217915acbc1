// The page starts here: it puts the parts together, and shows the view that the address names.

import { Drawing } from "./shared/drawing/drawing.js";
import { Live } from "./shared/server/live.js";
import { Models } from "./shared/server/models.js";
import { takePictures } from "./shared/drawing/pictures.js";
import { repaintAll } from "./shared/figures/pixels.js";
import * as api from "./shared/server/api.js";
import { announce, toast } from "./shared/base/messages.js";
import { connectModelMenu } from "./shared/page/modelmenu.js";
import { connectThemeButton } from "./shared/page/themebutton.js";

const VIEWS = ["draw", "inside", "step", "teach", "train"];

const drawing = new Drawing();
const models = new Models();
const live = new Live(drawing, models);
const app = { drawing, live, models, api, announce, toast };
globalThis.app = app; // for the tests, and for whoever is curious

const mounted = new Map(); // the views shown so far, by name
let shown = null; // the name of the one on the screen

/** The view that the address names: "#train/12" is "train". */
function wantedView() {
  const name = location.hash.slice(1).split("/")[0];
  return VIEWS.includes(name) ? name : VIEWS[0];
}

async function route() {
  const name = wantedView();
  if (name === shown) return;
  mounted.get(shown)?.hide?.();
  shown = name;
  for (const view of VIEWS) {
    document.getElementById(`panel-${view}`).hidden = view !== name;
    const tab = document.getElementById(`tab-${view}`);
    if (view === name) tab.setAttribute("aria-current", "page");
    else tab.removeAttribute("aria-current");
  }
  document.title = `${document.getElementById(`tab-${name}`).textContent} – handspun`;
  document.body.dataset.view = name;
  const view = mounted.get(name) ?? await mount(name);
  if (shown === name) view?.show?.(); // another tab may have been chosen meanwhile
}

/** Load a view on its first show; null where that fails, and the panel says so. */
async function mount(name) {
  const root = document.getElementById(`panel-${name}`);
  root.setAttribute("aria-busy", "true");
  try {
    const [{ default: view }] = await Promise.all([import(`./views/${name}/${name}.js`), loadStyle(`views/${name}/${name}.css`)]);
    if (!mounted.has(name)) {
      root.replaceChildren();
      view.mount(root, app);
      mounted.set(name, view); // only now: half a view is none
    }
    return view;
  } catch (error) {
    root.innerHTML = '<p class="notice">This view could not be loaded. Reload the page to try again.</p>';
    // Not swallowed: what went wrong belongs where whoever mends it looks for it.
    setTimeout(() => { throw error; });
    return null;
  } finally {
    root.removeAttribute("aria-busy");
  }
}

function loadStyle(href) {
  if (document.querySelector(`link[href="${href}"]`)) return null;
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve; // a view without its style still works
    document.head.append(link);
  });
}

function connectBanner() {
  const banner = document.getElementById("connection");
  let failure = null; // said once, not with each frame
  live.addEventListener("lost", () => {
    banner.hidden = false; // first, or a screen reader would not notice the text
    banner.textContent = "Connection lost. Go on drawing: answers come back when handspun is found again.";
  });
  live.addEventListener("found", () => {
    banner.hidden = true;
    toast("Connected again.");
    refreshModels(); // it may be another server by now
  });
  live.addEventListener("answer", () => { failure = null; });
  live.addEventListener("error", ({ detail }) => {
    if (detail === failure) return;
    failure = detail;
    if (shown !== "draw") toast(detail, "error"); // Draw says it where the answer would be
    refreshModels(); // the chosen model may be gone; the default one takes its place
  });
}

async function refreshModels() {
  try {
    await models.refresh();
  } catch (error) {
    // Without any answer the banner says it already.
    if (error.status !== 0) toast(error.message, "error");
  }
}

connectThemeButton();
document.addEventListener("themechange", repaintAll);
connectBanner();
connectModelMenu(models);
takePictures(drawing, toast, () => shown !== "train");
addEventListener("hashchange", route);
refreshModels();
route();
