// The page starts here: it puts the parts together, and shows the view that the address names.

import { Drawing } from "./shared/drawing/drawing.js";
import { takePictures } from "./shared/drawing/pictures.js";
import { repaintAll } from "./shared/figures/pixels.js";
import { refreshModels, watchConnection } from "./shared/page/connection.js";
import { connectModelMenu } from "./shared/page/modelmenu.js";
import { connectThemeButton } from "./shared/page/themebutton.js";
import { Live } from "./shared/server/live.js";
import { Models } from "./shared/server/models.js";

const VIEWS = ["draw", "inside", "step", "teach", "train"];

const drawing = new Drawing();
const models = new Models();
const live = new Live(drawing, models);
const app = { drawing, live, models };
globalThis.app = app; // for tests, and for the curious

const mounted = new Map(); // the views shown so far, by name
let shown = null; // the name of the view on the screen

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
  if (shown === name) view?.show?.(); // another tab may have been chosen since
}

/** Load a view when it is first shown. If that fails, its panel says so, and the result is null. */
async function mount(name) {
  const root = document.getElementById(`panel-${name}`);
  root.setAttribute("aria-busy", "true");
  try {
    const path = `views/${name}/${name}`;
    const [{ default: view }] = await Promise.all([import(`./${path}.js`), loadStyle(`${path}.css`)]);
    if (!mounted.has(name)) {
      root.replaceChildren();
      view.mount(root, app);
      mounted.set(name, view); // only now: a view that failed halfway is mounted again
    }
    return view;
  } catch (error) {
    root.innerHTML = '<p class="notice">This view could not be loaded. Reload the page to try again.</p>';
    setTimeout(() => { throw error; }); // so that the console shows it
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
    link.onload = link.onerror = resolve; // a view works without its style, too
    document.head.append(link);
  });
}

connectThemeButton();
document.addEventListener("themechange", repaintAll);
watchConnection(app, () => shown === "draw"); // Draw shows errors in place of the answer
connectModelMenu(models);
takePictures(drawing, () => shown !== "train");
addEventListener("hashchange", route);
refreshModels(models);
route();
