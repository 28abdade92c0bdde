// URLs and markup for pictures of an imgopt service: Node 20, Deno, Bun and edge workers, no package needed.
// The secret stays on your server. A browser gets finished URLs or markup, never the key.
//
//   import { service, picture } from "./imgopt.mjs";
//   const images = service({ url: "https://img.example.org", keyId: "k1", secret: process.env.IMAGES_SECRET });
//   const shoe = { reference: "products/shoe", width: 4032, height: 3024, revision: 3 };
//   const { html, sources, img } = await picture(images, shoe, { alt: "A red shoe", sizes: "50vw" });

export const DEFAULT_LADDER = [
  32, 48, 64, 80, 96, 128, 160, 192, 240, 320, 400, 480, 560, 640, 720, 800, 960, 1080, 1200, 1280, 1440, 1600, 1920,
  2240, 2560, 3200, 3840,
];
const ALIASES = {
  width: "w", height: "h", gravity: "crop", background: "bg", format: "fm", quality: "q", brightness: "bri",
  contrast: "con", gamma: "gam", saturation: "sat", "txt-colour": "txt-color", frame: "page",
};
const FITS = {
  clip: ["clip", true], inside: ["clip", true], max: ["clip", false], crop: ["crop", true], cover: ["crop", true],
  min: ["crop", false], fill: ["fill", true], contain: ["fill", true], fillmax: ["fill", false],
  scale: ["scale", true], outside: ["outside", true],
};
const TYPES = { avif: "image/avif", webp: "image/webp", jpg: "image/jpeg", png: "image/png", gif: "image/gif" };
const FAITHFUL = [
  "w", "h", "ar", "fit", "crop", "fp-x", "fp-y", "enlarge", "snap", "q", "auto", "blur", "sharp", "bg", "preset",
  "max-bytes", "dl",
];
const SEE_THROUGH = /^(?:transparent|(?!f)[0-9a-f][0-9a-f]{3}|(?!ff)[0-9a-f]{2}[0-9a-f]{6})$/i;
const DATA_URI = /^data:image\/[a-z]+;base64,[A-Za-z0-9+/]+={0,2}$/;
const MAX_SIDE = 8192;
const MAX_PAD = 1000;

/**
 * What the URLs are made with. `presets` are texts such as `{ hero: "ar=16:9&fit=crop" }`, as the service has them;
 * `marks` are the digests of watermarks, such as `{ "brand/logo": "9f86d081…" }`.
 */
export function service({
  url, keyId, secret, ladder = DEFAULT_LADDER, presets = {}, marks = {}, maxSide = MAX_SIDE, maxMegapixels = 40,
}) {
  const bytes = Uint8Array.from(secret.match(/../g), (hex) => parseInt(hex, 16));
  const key = crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return { url: url.replace(/\/+$/, ""), keyId, key, ladder, presets, marks, maxSide, maxMegapixels };
}

/** The signed URL of one variant: `await variantUrl(images, shoe, { w: 800, fm: "webp" })`. */
export async function variantUrl(images, image, params = {}, { fileName = "", expiresAt } = {}) {
  const path = `/i/${image.reference}${fileName ? `/${fileName}` : ""}`;
  return sign(images, path, pairsOf(await versioned(images, texts(params)), image.revision, expiresAt));
}

/** The value of a `srcset` attribute: `await srcset(images, shoe, { widths: [320, 640], params: { ar: "1:1" } })`. */
export async function srcset(images, image, { widths, params = {}, fm, expiresAt } = {}) {
  const said = texts(params);
  const offer = offerOf(images, image, said, widths, undefined);
  return joined(await urlsOf(images, image, await versioned(images, said), offer, fm, expiresAt), offer);
}

/** Markup: `html` is its text, `sources` and `img` are the attributes of its elements, not escaped. */
export async function picture(images, image, {
  alt, widths, sizes, params = {}, preset, art = [], formats = ["avif", "webp"], hero = false,
  loading = hero ? "eager" : "lazy", fetchpriority = hero ? "high" : "", decoding = "async", className = "",
  lqip = true, expiresAt,
}) {
  if (typeof alt !== "string") throw new TypeError("Expected a text for alt (an empty one for decoration).");
  const said = texts(preset ? { ...params, preset } : params);
  const sources = [];
  for (const each of art) {
    const own = { ...plain(said), ...plain(texts(each.params ?? {})) };
    const fixed = "w" in own || "h" in own;
    const across = each.widths ?? (fixed ? undefined : widths);
    const hint = each.sizes ?? (fixed ? undefined : sizes);
    const wanted = meaning(images, own);
    const offer = offerOf(images, image, own, across, hint);
    const signed = await versioned(images, own);
    for (const kind of new Set([...kindsOf(image, wanted, formats), fallbackOf(image, wanted)])) {
      const urls = await urlsOf(images, image, signed, offer, kind, expiresAt);
      sources.push({ media: each.media, type: TYPES[kind], ...sourceSet(urls, offer, hint, true), ...sizeOf(offer) });
    }
  }
  const wanted = meaning(images, said);
  const offer = offerOf(images, image, said, widths, sizes);
  const signed = await versioned(images, said);
  for (const kind of kindsOf(image, wanted, formats)) {
    const urls = await urlsOf(images, image, signed, offer, kind, expiresAt);
    sources.push({ type: TYPES[kind], ...sourceSet(urls, offer, sizes, true) });
  }
  const urls = await urlsOf(images, image, signed, offer, fallbackOf(image, wanted), expiresAt);
  const attributes = {
    src: urls[defaultOf(offer)], ...sourceSet(urls, offer, sizes, false), ...sizeOf(offer), alt, class: className,
    loading, fetchpriority, decoding, style: lqip ? background(image, wanted) : "",
  };
  const img = Object.fromEntries(Object.entries(attributes).filter(([name, value]) => value || name === "alt"));
  const inner = tag("img", img);
  const all = sources.map((each) => tag("source", each)).join("");
  return { html: sources.length ? `<picture>${all}${inner}</picture>` : inner, sources, img };
}

// --- URLs

const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

const texts = (params) =>
  Object.fromEntries(
    Object.entries(params).map(([name, value]) => [name, String(typeof value === "boolean" ? Number(value) : value)]),
  );

function pairsOf(params, revision, expiresAt) {
  const pairs = Object.entries(params).map(
    ([name, value]) => `${encode(name)}=${encode(value).replace(/%2C/g, ",").replace(/%3A/g, ":")}`,
  );
  if (revision != null) pairs.push(`v=${revision}`);
  if (expiresAt != null) pairs.push(`expires=${expiresAt}`);
  return pairs.sort();
}

async function sign(images, path, pairs) {
  if (!/^\/[A-Za-z0-9._~@/-]*$/.test(path)) throw new Error(`Expected a key or an id, received ${path}.`);
  const message = new TextEncoder().encode(`imgopt-url-v1\n${images.keyId}\n${path}\n${pairs.join("\n")}`);
  const mac = new Uint8Array(await crypto.subtle.sign("HMAC", await images.key, message));
  const text = btoa(String.fromCharCode(...mac)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return `${images.url}${path}?${[...pairs, `s=${images.keyId}.${text}`].join("&")}`;
}

const urlsOf = (images, image, params, offer, fm, expiresAt) =>
  Promise.all(
    offer.steps.map((step) => {
      const all = { ...params, ...(fm ? { fm } : {}), [offer.name]: step.value };
      return sign(images, `/i/${image.reference}`, pairsOf(all, image.revision, expiresAt));
    }),
  );

/** With the version of its preset and its watermark a URL may be kept for good. */
async function versioned(images, params) {
  const text = images.presets[params.preset];
  if ("preset" in params && text === undefined) return params;
  const { mark, "mark-alpha": alpha } = meaning(images, params);
  const preset = text === undefined ? "" : await shortDigest(text);
  if (!mark || alpha === "0") return preset ? { ...params, pv: preset } : params;
  const digest = images.marks[mark];
  return digest === undefined ? params : { ...params, pv: await shortDigest(`${preset}\n${digest}`) };
}

async function shortDigest(text) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  return [...digest.slice(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- What a set of parameters means

const plain = (params) =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [ALIASES[name] ?? name, value]));

function meaning(images, params) {
  const { preset, ...said } = plain(params);
  const text = images.presets[preset];
  if (text === undefined) return said;
  const pairs = text.split("&").map((pair) => pair.split("=").map(decodeURIComponent));
  const kept = Object.entries(plain(Object.fromEntries(pairs))).filter(
    ([name, value]) => !((name === "w" || name === "dpr") && value.startsWith("auto")),
  );
  return { ...Object.fromEntries(kept), ...said };
}

const moves = (image, wanted) => Boolean(image.animated) && !("page" in wanted);

const keepsAlpha = (image, wanted) =>
  "bg" in wanted ? SEE_THROUGH.test(wanted.bg) : Boolean(image.hasAlpha) || "mask" in wanted;

const kindsOf = (image, wanted, formats) => (moves(image, wanted) ? formats.filter((f) => f === "webp") : formats);

const fallbackOf = (image, wanted) => (moves(image, wanted) ? "gif" : keepsAlpha(image, wanted) ? "png" : "jpg");

function background(image, wanted) {
  const changed = Object.keys(wanted).some((name) => !FAITHFUL.includes(name));
  if (changed || keepsAlpha(image, wanted) || ["fill", "contain", "fillmax"].includes(wanted.fit)) return "";
  const colour = /^#[0-9a-fA-F]{6}$/.test(image.dominantColour ?? "") ? image.dominantColour : "";
  if (!DATA_URI.test(image.placeholder ?? "")) return colour && `background:${colour}`;
  return `background:${colour}${colour && " "}url(${image.placeholder}) center/cover no-repeat`;
}

// --- Which sizes are offered, and how large each is when it comes

function offerOf(images, image, said, widths, sizes) {
  const wanted = meaning(images, said);
  if ("dpr" in said) throw new Error("Expected no dpr: the browser chooses among the candidates of srcset.");
  const follows = widths !== undefined || sizes !== undefined;
  if (follows && ("h" in wanted || "w" in plain(said))) {
    throw new Error("Expected either w and h for a fixed size, or widths and sizes, received both.");
  }
  const size = [image.width, image.height];
  if (follows || !("w" in wanted || "h" in wanted)) {
    const { w: _, ...rest } = wanted;
    const shape = shapeOf(rest);
    const steps = fluid(size, shape, widths ?? defaultWidths(images.ladder), images);
    return { name: "w", steps, size: shape.known ? steps.at(-1).size : undefined };
  }
  const shape = shapeOf(wanted);
  return { name: "dpr", steps: fixed(size, shape, images), size: shape.known ? layout(size, shape) : undefined };
}

function defaultWidths(ladder) {
  const all = ladder.length ? ladder : DEFAULT_LADDER;
  const usual = all.filter((rung) => rung >= 320 && rung <= 2560);
  const picked = [];
  for (const rung of usual.length ? usual : all) {
    if (!picked.length || 3 * rung >= 4 * picked.at(-1)) picked.push(rung);
  }
  return picked;
}

function fluid(size, shape, widths, images) {
  const steps = [];
  const asked = new Set(widths.map((width) => (shape.snaps ? snap(width, images.ladder) : width)));
  for (let width of [...asked].sort((a, b) => a - b)) {
    let found = delivered(size, { ...shape, width }, images);
    const ends = shape.fit === "fill" || shape.enlarge;
    if (!found || (found.limited && ends && steps.length)) break;
    if (found.limited && !ends) {
      width = shape.snaps ? snap(found.size[0] - 2 * shape.pad, images.ladder) : found.size[0] - 2 * shape.pad;
      found = delivered(size, { ...shape, width }, images) ?? found;
    }
    if (!steps.length || found.size[0] > steps.at(-1).size[0]) {
      steps.push({ value: String(width), descriptor: `${found.size[0]}w`, size: found.size });
    }
  }
  if (!steps.length) throw new Error("Expected a size within the service's limits, received only larger ones.");
  return steps;
}

function fixed(size, shape, images) {
  const across = layout(size, shape)[0];
  const steps = [];
  let before = 0;
  for (const density of [1, 2, 3]) {
    const found = delivered(size, { ...shape, dpr: 100 * density }, images);
    if (!found || (steps.length && found.size[0] <= steps.at(-1).size[0])) break;
    const limited = found.limited && steps.length;
    const ratio = limited ? Math.min(half(100 * found.size[0], across) / 100, density) : density;
    if (ratio <= before) break;
    steps.push({ value: String(density), descriptor: `${ratio}x`, size: found.size });
    before = ratio;
    if (found.limited) break;
  }
  if (!steps.length) throw new Error("Expected a size within the service's limits, received only larger ones.");
  return steps;
}

const defaultOf = (offer) =>
  offer.name === "dpr" ? 0 : Math.max(0, offer.steps.findLastIndex((step) => step.size[0] <= 1280));

const joined = (urls, offer) => urls.map((url, at) => `${url} ${offer.steps[at].descriptor}`).join(", ");

const sizeOf = (offer) => (offer.size ? { width: String(offer.size[0]), height: String(offer.size[1]) } : {});

function sourceSet(urls, offer, sizes, isSource) {
  if (offer.name === "w") return { srcset: joined(urls, offer), sizes: sizes ?? "100vw" };
  return isSource || urls.length > 1 ? { srcset: joined(urls, offer) } : {};
}

// --- The service's arithmetic, in whole numbers rounded half up

const half = (numerator, denominator) =>
  Math.max(1, Math.floor((2 * numerator + denominator) / (2 * denominator)));

const snap = (width, ladder) => (ladder.length ? ladder.find((rung) => rung >= width) ?? ladder.at(-1) : width);

function shapeOf(said) {
  const [fit, mayEnlarge] = FITS[said.fit ?? "clip"];
  const number = (name) => (name in said ? Number(said[name]) : undefined);
  const ratio = said.ar && fraction(said.ar);
  const [left, top, across, down] = (said.rect ?? "").split(",").map(Number);
  return {
    width: number("w"), height: number("h"), ratio, fit, enlarge: mayEnlarge && said.enlarge === "1",
    rect: said.rect && { left, top, across, down }, turns: said.rot === "90" || said.rot === "270",
    pad: number("pad") ?? 0, dpr: Math.round(100 * Number(said.dpr ?? 1)), snaps: said.snap !== "0",
    known: !("trim" in said) || (fit === "fill" && Boolean(ratio || ("w" in said && "h" in said))),
  };
}

/** `16:9`, `1.91:1` or `1.5` in lowest terms. */
function fraction(text) {
  let [a, b] = [...text.split(":"), "1"].slice(0, 2).map((part) => Math.round(Number(part) * 10_000));
  const divide = (x, y) => (y ? divide(y, x % y) : x);
  const common = divide(a, b);
  return [a / common, b / common];
}

const layout = (size, shape) =>
  delivered(
    size, { ...shape, enlarge: true, snaps: false, dpr: 100 }, { ladder: [], maxSide: 1e9, maxMegapixels: 1e12 },
  ).size;

function delivered(size, shape, bounds) {
  const done = resolved(shape, bounds.ladder);
  if (!done) return undefined;
  const start = startOf(size, done);
  const box = boxOf(done, start, bounds);
  const [scaled, limited] = scaledTo(done, start, box);
  const canvas = canvasOf(done, scaled, box);
  const result = canvas.map((side) => side + 2 * done.pad);
  const most = 4 * bounds.maxMegapixels * 1e6;
  if (isBeyond(result, bounds) || scaled[0] * scaled[1] > Math.max(start[0] * start[1], most)) return undefined;
  return { size: result, limited };
}

function resolved(shape, ladder) {
  const times = (length) => length && half(length * shape.dpr, 100);
  let [width, height, ratio] = [times(shape.width), times(shape.height), shape.ratio];
  if (ratio && height && !width) width = half(height * ratio[0], ratio[1]);
  if (width && height) ratio = undefined;
  if (width && shape.snaps) {
    const rung = snap(width, ladder);
    const scaled = height && half(height * rung, width);
    if (!height || scaled <= MAX_SIDE) [width, height] = [rung, scaled];
  }
  if (ratio && width) [height, ratio] = [half(width * ratio[1], ratio[0]), undefined];
  const pad = times(shape.pad) || 0;
  if (width > MAX_SIDE || height > MAX_SIDE || pad > MAX_PAD) return undefined;
  return { ...shape, width, height, ratio, pad };
}

function startOf([width, height], { rect, turns }) {
  if (rect) {
    [width, height] = [Math.min(rect.across, width - rect.left), Math.min(rect.down, height - rect.top)];
    if (width < 1 || height < 1) throw new Error("Expected an area of the picture for rect.");
  }
  return turns ? [height, width] : [width, height];
}

function boxOf(shape, start, bounds) {
  if (shape.width || shape.height) return [shape.width, shape.height];
  if (shape.ratio) return natural(largest(shape.ratio, start), shape.pad, bounds);
  const [width, height] = natural(start, shape.pad, bounds);
  return width >= height ? [width, undefined] : [undefined, height];
}

const largest = ([across, down], room) =>
  room[0] * down >= room[1] * across
    ? [Math.min(room[0], half(room[1] * across, down)), room[1]]
    : [room[0], Math.min(room[1], half(room[0] * down, across))];

function natural(size, pad, bounds) {
  const longest = Math.max(...size);
  const at = (length) => size.map((side) => half(side * length, longest));
  let [low, high] = [1, longest];
  while (low < high) {
    const middle = Math.floor((low + high + 1) / 2);
    if (isBeyond(at(middle).map((side) => side + 2 * pad), bounds)) high = middle - 1;
    else low = middle;
  }
  return at(low);
}

const isBeyond = ([width, height], bounds) =>
  Math.max(width, height) > bounds.maxSide || width * height > bounds.maxMegapixels * 1e6;

function scaledTo(shape, start, box) {
  if (shape.fit === "scale" && box[0] && box[1]) {
    const sides = shape.enlarge ? box : box.map((side, at) => Math.min(side, start[at]));
    return [sides, box[0] > start[0] || box[1] > start[1]];
  }
  const ratios = box.map((wanted, at) => [wanted, start[at]]).filter(([wanted]) => wanted);
  const [first, last] = [ratios[0], ratios.at(-1)];
  const [smaller, larger] = first[0] * last[1] <= last[0] * first[1] ? [first, last] : [last, first];
  let [wanted, side] = shape.fit === "crop" || shape.fit === "outside" ? larger : smaller;
  const limited = wanted > side;
  if (limited && !shape.enlarge) [wanted, side] = [1, 1];
  return [start.map((length) => half(length * wanted, side)), limited];
}

function canvasOf({ fit }, scaled, box) {
  if ((fit !== "crop" && fit !== "fill") || !(box[0] && box[1])) return scaled;
  return fit === "fill" || (box[0] <= scaled[0] && box[1] <= scaled[1]) ? box : largest(box, scaled);
}

// --- HTML

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;" };

const tag = (name, attributes) =>
  `<${name}${Object.entries(attributes)
    .map(([attribute, value]) => ` ${attribute}="${value.replace(/[&<>"']/g, (c) => ESCAPES[c])}"`)
    .join("")}>`;
