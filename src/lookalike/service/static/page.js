// @ts-check
// What the page does beyond links and forms: pictures as queries, more hits on scrolling, the panel, the crop, the selection.

/** @template {HTMLElement} T @param {string} id @returns {T} */
const element = (id) => /** @type {T} */ (document.getElementById(id));

/** Tell something for a while. @param {string} text @param {number} [seconds] */
function tell(text, seconds = 6) {
  const place = element("told");
  place.textContent = text;
  place.hidden = false;
  window.clearTimeout(Number(place.dataset.timer));
  place.dataset.timer = String(window.setTimeout(() => (place.hidden = true), seconds * 1000));
}

/** The reason in a problem document. @param {Response} answer */
async function reason(answer) {
  try {
    return String((await answer.json()).detail);
  } catch {
    return `The service answered ${answer.status}.`;
  }
}

/** Fetch, or an answer that says that there was none. @param {string} address @param {RequestInit} [options] */
const ask = (address, options) => fetch(address, options).catch(() => new Response(JSON.stringify({ detail: "The service does not answer." }), { status: 503 }));

/** Send a picture, and go to what looks like it, as narrowed as this page. @param {Blob} picture */
function searchBy(picture) {
  const form = new FormData();
  form.append("picture", picture, "picture");
  return searchByUpload("/api/v1/uploads", { method: "POST", body: form });
}

/** Have the service fetch a picture, and go to what looks like it. @param {string} url */
function searchByUrl(url) {
  return searchByUpload("/api/v1/uploads/url", { method: "POST", body: JSON.stringify({ url }), headers: { "content-type": "application/json" } });
}

/** @param {string} address @param {RequestInit} options */
async function searchByUpload(address, options) {
  tell("Looking at the picture…", 60);
  const answer = await ask(address, options);
  if (!answer.ok) return tell(await reason(answer));
  const { id } = await answer.json();
  const found = new URL(location.href);
  for (const name of ["id", "upload", "not-id", "not-upload", "order", "seed"]) found.searchParams.delete(name);
  found.searchParams.set("upload", id);
  location.assign(found);
}

/** @param {DataTransfer | null} data @returns {File | undefined} */
const pictureIn = (data) => [...(data?.files ?? [])].find((file) => file.type.startsWith("image/"));

/** The address of a picture that is dragged from another page. @param {DataTransfer | null} data */
const addressIn = (data) => data?.getData("text/uri-list").split("\n").map((line) => line.trim()).find((line) => isAddress(line) && !line.startsWith(location.origin));

/** @param {string} text */
const isAddress = (text) => /^https?:\/\/\S+$/i.test(text);

/** Search by the address of a picture where words are said, or one that is dropped; only where the service fetches any. */
function takeAddresses() {
  const form = /** @type {HTMLFormElement} */ (element("ask"));
  if (!("fetches" in form.dataset)) return;
  form.addEventListener("submit", (event) => {
    const text = /** @type {HTMLInputElement} */ (element("text")).value.trim();
    if (!isAddress(text)) return;
    event.preventDefault();
    searchByUrl(text);
  });
  document.addEventListener("dragover", (event) => {
    const types = event.dataTransfer?.types ?? [];
    if (types.includes("text/uri-list") && !types.includes("Files")) event.preventDefault();
  });
  document.addEventListener("drop", (event) => {
    const address = event.dataTransfer?.types.includes("Files") ? undefined : addressIn(event.dataTransfer);
    if (!address) return;
    event.preventDefault();
    searchByUrl(address);
  });
}

function takePictures() {
  const file = /** @type {HTMLInputElement} */ (element("file"));
  element("choose").addEventListener("click", () => file.click());
  file.addEventListener("change", () => file.files?.[0] && searchBy(file.files[0]));
  document.addEventListener("paste", (event) => {
    const picture = pictureIn(event.clipboardData);
    if (picture) searchBy(picture);
  });
  const veil = element("drop");
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    veil.hidden = false;
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) veil.hidden = true;
  });
  document.addEventListener("drop", (event) => {
    veil.hidden = true;
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    const picture = pictureIn(event.dataTransfer);
    if (picture) searchBy(picture);
    else tell("That is no picture.");
  });
}

/** Load what follows when its link comes near the window. */
function loadMore() {
  const grid = element("grid");
  /** @param {Element | null | undefined} item */
  const load = async (item) => {
    const link = item?.querySelector("a[data-next]");
    if (!item || !(link instanceof HTMLAnchorElement) || item.classList.contains("loading")) return;
    item.classList.add("loading");
    watcher.unobserve(item);
    const answer = await ask(link.href);
    item.classList.remove("loading");
    if (!answer.ok) return tell(await reason(answer)); // a click tries again
    item.insertAdjacentHTML("beforebegin", await answer.text());
    item.remove();
    watch();
  };
  const watcher = new IntersectionObserver((entries) => load(entries.find((entry) => entry.isIntersecting)?.target), { rootMargin: "900px" });
  const watch = () => {
    const next = grid.querySelector(".next");
    if (next) watcher.observe(next);
  };
  grid.addEventListener("click", (event) => {
    const link = event.target instanceof HTMLElement && event.target.closest("a[data-next]");
    if (!link) return;
    event.preventDefault();
    load(link.closest(".next"));
  });
  watch();
}

/** The search that this page shows, as the API takes it. */
function shownSearch() {
  const given = new URL(location.href).searchParams;
  const things = (/** @type {string} */ prefix) => [
    ...given.getAll(`${prefix}id`).map((id) => ({ id })),
    ...given.getAll(`${prefix}upload`).map((upload) => ({ upload })),
  ];
  const [query, ...also] = things("");
  const weights = [...given].filter(([name]) => name.startsWith("weight.")).map(([name, value]) => [name.slice(7), Number(value)]);
  return {
    query: query ?? {},
    also,
    unlike: things("not-"),
    text: given.get("text") || null,
    blend: given.get("blend") === "1" && Boolean(given.get("text")),
    where: given.get("where") ? JSON.parse(given.get("where") ?? "{}") : {},
    features: weights.length ? Object.fromEntries(weights.filter(([, weight]) => Number(weight) > 0)) : null,
    max_distance: given.get("within") ? Number(given.get("within")) : null,
  };
}

/**
 * What a hit and the query share in one feature; null where every source is compared.
 * @param {any} feature
 */
function sharedIn(feature) {
  const tokens = (feature.tokens ?? []).map((/** @type {[string, number]} */ one) => one[0]);
  if (tokens.length) return tokens.slice(0, 5).join(", ") + (tokens.length > 5 ? ` and ${tokens.length - 5} more` : "");
  const tables = feature.tables ?? [];
  if (tables.length) return `${tables.filter((/** @type {any} */ one) => one.shared).length} of ${tables.length}`;
  return feature.path === "tail" ? "added lately" : null;
}

/**
 * What each feature says of a hit; buckets only where a feature has some.
 * @param {[string, any][]} features @param {Record<string, any>} parts
 */
function tableOf(features, parts) {
  const table = document.createElement("table");
  const heads = ["Feature", "Distance", "Comparable", "Weight", "Rank"];
  const hasBuckets = features.some(([, feature]) => sharedIn(feature) !== null);
  if (hasBuckets) heads.push("Shared buckets");
  const head = table.createTHead().insertRow();
  for (const name of heads) {
    const cell = document.createElement("th");
    cell.textContent = name;
    head.append(cell);
  }
  const rows = table.createTBody();
  for (const [name, feature] of features) {
    const row = rows.insertRow();
    const part = parts[name];
    const told = [name, short(feature.distance), part?.comparable?.toFixed?.(2), part?.weight?.toFixed?.(2), part?.rank];
    if (hasBuckets) told.push(sharedIn(feature));
    for (const value of told) row.insertCell().textContent = String(value ?? "—");
  }
  return table;
}

/** A distance in four digits or, where it is a larger whole number, in all of them. @param {number | null | undefined} distance */
function short(distance) {
  if (distance == null) return null;
  return Math.abs(distance) >= 1000 ? distance.toFixed(0) : String(Number(distance.toPrecision(4)));
}

/** @param {HTMLElement} place @param {string} id */
async function tellWhy(place, id) {
  const { query, text, blend, where, features, max_distance } = shownSearch();
  const body = JSON.stringify({ query, text, blend, where, features, max_distance, id, limit: 100 });
  const answer = await ask("/api/v1/explain", { method: "POST", body, headers: { "content-type": "application/json" } });
  const told = place.querySelector("p");
  if (!told) return;
  if (!answer.ok) {
    told.textContent = await reason(answer);
    return;
  }
  const why = await answer.json();
  told.textContent = why.verdict;
  const parts = Object.entries(why.features ?? {});
  if (parts.length) place.append(tableOf(parts, why.parts ?? {}));
  if (why.score != null) {
    const line = document.createElement("p");
    const last = why.last_score == null ? "" : `; the last hit scores ${why.last_score.toFixed(6)}`;
    line.textContent = `By looks it is ${why.looks_rank ?? "far down"}, by words ${why.words_rank ?? "far down"}, which scores ${why.score.toFixed(6)}${last}.`;
    place.append(line);
  }
  for (const [word, parts] of Object.entries(why.words ?? {})) {
    const line = document.createElement("p");
    line.textContent = `“${word}” is in ${/** @type {string[]} */ (parts).join(", ") || "none of its texts"}.`;
    place.append(line);
  }
}

function openPanels() {
  const panel = /** @type {HTMLDialogElement} */ (element("panel"));
  element("grid").addEventListener("click", async (event) => {
    const link = event.target instanceof HTMLElement && event.target.closest("a[data-panel]");
    if (!(link instanceof HTMLAnchorElement) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const answer = await ask(link.href);
    if (!answer.ok) return tell(await reason(answer));
    panel.innerHTML = await answer.text();
    panel.showModal();
    const why = panel.querySelector("[data-why]");
    if (why instanceof HTMLElement) tellWhy(why, why.dataset.why ?? "");
  });
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof HTMLElement)) return;
    if (event.target.closest("[data-close]")) event.target.closest("dialog")?.close();
    else if (event.target === panel) panel.close();
  });
}

/** Let a region of a picture be drawn, and search by it. The picture is cut here, so that no other part of it is sent. */
function cropPictures() {
  const dialog = /** @type {HTMLDialogElement} */ (element("crop"));
  const canvas = /** @type {HTMLCanvasElement} */ (element("crop-canvas"));
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  /** @type {ImageBitmap | undefined} */ let picture;
  let region = { x: 0, y: 0, width: 1, height: 1 };
  const draw = () => {
    if (!picture) return;
    const { width, height } = canvas;
    pen.drawImage(picture, 0, 0, width, height);
    pen.fillStyle = "rgb(0 0 0 / 55%)";
    pen.fillRect(0, 0, width, height);
    const [x, y, w, h] = [region.x * width, region.y * height, region.width * width, region.height * height];
    pen.drawImage(picture, region.x * picture.width, region.y * picture.height, region.width * picture.width, region.height * picture.height, x, y, w, h);
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect(x, y, w, h);
  };
  /** @param {number} x @param {number} y @param {number} width @param {number} height */
  const choose = (x, y, width, height) => {
    const least = 0.04;
    region.width = Math.min(1, Math.max(least, width));
    region.height = Math.min(1, Math.max(least, height));
    region.x = Math.min(1 - region.width, Math.max(0, x));
    region.y = Math.min(1 - region.height, Math.max(0, y));
    draw();
  };
  document.addEventListener("click", async (event) => {
    const button = event.target instanceof HTMLElement && event.target.closest("[data-crop]");
    if (!(button instanceof HTMLElement)) return;
    const answer = await ask(button.dataset.crop ?? "");
    if (!answer.ok) return tell(await reason(answer));
    try {
      picture = await createImageBitmap(await answer.blob());
    } catch {
      return tell("This browser cannot show that picture, so it cannot be cropped here.");
    }
    const scale = Math.min(1, 900 / Math.max(picture.width, picture.height));
    canvas.width = Math.max(1, Math.round(picture.width * scale));
    canvas.height = Math.max(1, Math.round(picture.height * scale));
    choose(0.1, 0.1, 0.8, 0.8);
    dialog.showModal();
  });
  /** @type {[number, number] | undefined} */ let from;
  /** @param {PointerEvent} event @returns {[number, number]} */
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const within = (/** @type {number} */ value) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    from = at(event);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    choose(Math.min(x, from[0]), Math.min(y, from[1]), Math.abs(x - from[0]), Math.abs(y - from[1]));
  });
  canvas.addEventListener("pointerup", () => (from = undefined));
  canvas.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const step = steps[/** @type {keyof typeof steps} */ (event.key)];
    if (!step) return;
    event.preventDefault();
    const [dx, dy] = step.map((part) => part * 0.02);
    if (event.shiftKey) choose(region.x, region.y, region.width + dx, region.height + dy);
    else choose(region.x + dx, region.y + dy, region.width, region.height);
  });
  element("crop-go").addEventListener("click", async () => {
    if (!picture) return;
    const cut = new OffscreenCanvas(Math.max(1, Math.round(region.width * picture.width)), Math.max(1, Math.round(region.height * picture.height)));
    cut.getContext("2d")?.drawImage(picture, -region.x * picture.width, -region.y * picture.height);
    dialog.close();
    searchBy(await cut.convertToBlob({ type: "image/png" }));
  });
}

function countTaken() {
  const bar = /** @type {HTMLFormElement} */ (element("taken"));
  const boxes = () => /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll("input[form=taken]")]);
  const count = () => {
    const taken = boxes().filter((box) => box.checked).length;
    bar.hidden = taken === 0;
    element("taken-count").textContent = taken === 1 ? "1 selected" : `${taken} selected`;
  };
  element("grid").addEventListener("change", count);
  element("taken-none").addEventListener("click", () => {
    for (const box of boxes()) box.checked = false;
    count();
  });
  window.addEventListener("pageshow", count);
}

function applyAtOnce() {
  for (const form of document.querySelectorAll("form[data-now]")) {
    form.addEventListener("change", () => /** @type {HTMLFormElement} */ (form).requestSubmit());
  }
}

if (document.getElementById("grid")) {
  takePictures();
  takeAddresses();
  loadMore();
  openPanels();
  cropPictures();
  countTaken();
  applyAtOnce();
}
