// Reads a page of results by one rule of engines.json. Returns how many elements the
// rule's item matches and what was found in them.
(rule) => {
  const web = (text) => {
    if (typeof text !== "string" || !text) {
      return "";
    }
    try {
      const url = new URL(text, document.baseURI);
      return url.protocol === "https:" || url.protocol === "http:" ? url.href : "";
    } catch {
      return "";
    }
  };
  const parse = (text) => {
    try {
      return JSON.parse(text);
    } catch {
      return null;
    }
  };
  // dom:css@attribute, css empty for the item itself, attribute empty for its text.
  const dom = (item, where) => {
    const at = where.lastIndexOf("@");
    const css = where.slice(0, at), attribute = where.slice(at + 1);
    const element = css ? item.querySelector(css) : item;
    return element ? (attribute ? element.getAttribute(attribute) : element.textContent) : "";
  };
  const scripts = new Map();
  if (rule.script) {
    for (const script of document.scripts) {
      for (const match of script.textContent.matchAll(new RegExp(rule.script, "g"))) {
        const found = {};
        for (const [name, text] of Object.entries(match.groups || {})) {
          found[name] = parse('"' + text + '"') ?? text; // \u003d and the like
        }
        scripts.set(found.id, found);
      }
    }
  }
  const items = [...document.querySelectorAll(rule.item)];
  const results = [];
  for (const item of items) {
    if (rule.poke) { // some links get their address when they are about to be used
      const target = item.querySelector(rule.poke);
      for (const type of ["mouseover", "mousedown"]) {
        target?.dispatchEvent(new MouseEvent(type, { bubbles: true, cancelable: true }));
      }
    }
    const field = (where) => {
      const [, kind, rest] = /^(\w+):(.*)$/s.exec(where || "") || [];
      switch (kind) {
        case "dom":
          return dom(item, rest);
        case "json":
          return rest.split(".").reduce((value, key) => value?.[key], parse(dom(item, rule.json.slice(4))));
        case "link": {
          const link = item.matches(rule.link) ? item : item.querySelector(rule.link);
          return link ? new URL(link.href).searchParams.get(rest) : "";
        }
        case "script":
          return scripts.get(field(rule.id))?.[rest];
      }
    };
    const url = web(field(rule.url));
    if (url) {
      results.push({ url, page: web(field(rule.page)), title: String(field(rule.title) ?? "").trim() });
    }
  }
  return { items: items.length, results };
}
