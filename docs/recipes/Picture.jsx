// A React component for pictures of an imgopt service. It gets what `GET /api/v1/image/{image}/picture` answers, or
// what `picture()` of imgopt.mjs gives on your server (in a server component, a loader or getStaticProps): the
// attributes of each element with finished, signed URLs. No key ever reaches the browser. It is written without JSX
// syntax, so that it runs without a build step too.
//
//   <Picture {...await picture(images, shoe, { alt: "A red shoe", sizes: "50vw" })} />
//   <Picture sources={answer.sources} img={answer.img} className="card" onLoad={shown} />

import React from "react";

const NAMES = { srcset: "srcSet", fetchpriority: "fetchPriority", class: "className" };

/** HTML's names as React wants them; `style` becomes an object. */
export function props(attributes) {
  const named = Object.entries(attributes).map(([name, value]) => [NAMES[name] ?? name, value]);
  const { style, ...rest } = Object.fromEntries(named);
  return style ? { ...rest, style: { background: style.slice("background:".length) } } : rest;
}

export function Picture({ sources = [], img, html: _html, ...more }) {
  const { alt, ...rest } = props(img);
  return React.createElement(
    "picture",
    null,
    ...sources.map((each) =>
      React.createElement("source", { key: `${each.media ?? ""} ${each.type}`, ...props(each) }),
    ),
    React.createElement("img", { alt, ...rest, ...more }),
  );
}

export default Picture;
