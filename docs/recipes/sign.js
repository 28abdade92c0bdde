// Signs imgopt delivery URLs. sign() needs Node 16 or newer; signWeb() needs only WebCrypto, so it runs in
// Deno, Bun and edge workers too. Keep the secret on your side: never sign in a browser.

function encode(text) {
  return encodeURIComponent(text)
    .replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase())
    .replace(/%2C/g, ",")
    .replace(/%3A/g, ":");
}

// params are plain values, not yet percent-encoded; expires is a time in seconds since 1970.
function prepare(path, params, kid, expires) {
  if (!/^\/[A-Za-z0-9._~@\/-]*$/.test(path)) throw new Error(`not a path that can be signed: ${path}`);
  const all = expires === undefined ? params : { ...params, expires };
  const pairs = Object.entries(all).map(([name, value]) => `${encode(name)}=${encode(value)}`).sort();
  return { pairs, message: `imgopt-url-v1\n${kid}\n${path}\n${pairs.join("\n")}` };
}

// sign("https://img.example.org", "/i/products/shoe", { w: 800 }, "k1", "<64 hex digits>") gives a signed URL.
function sign(base, path, params, kid, secret, expires) {
  const { pairs, message } = prepare(path, params, kid, expires);
  const mac = require("node:crypto").createHmac("sha256", Buffer.from(secret, "hex")).update(message);
  return `${base}${path}?${[...pairs, `s=${kid}.${mac.digest("base64url")}`].join("&")}`;
}

// The same, as a promise.
async function signWeb(base, path, params, kid, secret, expires) {
  const { pairs, message } = prepare(path, params, kid, expires);
  const bytes = Uint8Array.from(secret.match(/../g), (hex) => parseInt(hex, 16));
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const mac = await crypto.subtle.sign("HMAC", key, new TextEncoder().encode(message));
  const base64 = btoa(String.fromCharCode(...new Uint8Array(mac)));
  const signature = base64.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  return `${base}${path}?${[...pairs, `s=${kid}.${signature}`].join("&")}`;
}

if (typeof module !== "undefined") module.exports = { sign, signWeb };
