// Runs docs/recipes/imgopt.mjs and Picture.jsx on the vectors, and prints what they make as JSON.
// node recipes.mjs <imgopt.mjs> <Picture.jsx> <client-vectors.json>
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [module, component, vectors] = process.argv.slice(2);
const { service, variantUrl, srcset, picture } = await import(pathToFileURL(module));
const { services, images, urls, srcsets, pictures } = JSON.parse(readFileSync(vectors, "utf8"));

// React is not needed to see what its elements would be.
const react = "const React = { createElement: (type, props, ...children) => ({ type, props, children }) };";
const source = readFileSync(component, "utf8").replace('import React from "react";', react);
const { Picture } = await import(`data:text/javascript,${encodeURIComponent(source)}`);

const made = Object.fromEntries(Object.entries(services).map(([name, said]) => [name, service(said)]));
const of = (each) => [made[each.service], images[each.image]];
const described = await Promise.all(pictures.map((each) => picture(...of(each), each.options)));
const out = {
  urls: await Promise.all(urls.map((each) => variantUrl(...of(each), each.params, each.options))),
  srcsets: await Promise.all(srcsets.map((each) => srcset(...of(each), each.options))),
  pictures: described.map((each) => each.html),
  react: described.map((each) => ({ attributes: each, tree: Picture({ ...each, id: "mine" }) })),
  error: await picture(...of(pictures[0]), {}).then(String, String),
};
console.log(JSON.stringify(out));
