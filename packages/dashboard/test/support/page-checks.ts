/**
 * Checks that run inside of the page, as text: the types of a browser are not those of the tests. Each is an expression that gives a
 * list of findings, which is empty when all is well.
 */

/** Controls without a name, ids that are there twice, roles that do not fit, landmarks that are missing, images without words. */
export const ACCESSIBILITY_FINDINGS = `(() => {
  const findings = [];
  const describe = (element) => element.outerHTML.slice(0, 120);
  const isShown = (element) => element.getClientRects().length > 0;
  const textOf = (element) => {
    const labelledBy = (element.getAttribute('aria-labelledby') ?? '').split(/\\s+/).filter(Boolean);
    const labels = [...(element.labels ?? [])].map((label) => label.textContent);
    return [
      element.getAttribute('aria-label'),
      ...labelledBy.map((id) => document.getElementById(id)?.textContent),
      ...labels,
      element.textContent,
    ].filter(Boolean).join(' ').trim();
  };
  for (const element of document.querySelectorAll('a[href], button, input, select, summary, [tabindex="0"]')) {
    if (isShown(element) && textOf(element) === '') findings.push('no name: ' + describe(element));
  }
  for (const element of document.querySelectorAll('input, select')) {
    if ((element.labels ?? []).length === 0 && !element.hasAttribute('aria-label')) findings.push('no label: ' + describe(element));
  }
  const seen = new Set();
  for (const { id } of document.querySelectorAll('[id]')) {
    if (seen.has(id)) findings.push('id twice: ' + id);
    seen.add(id);
  }
  for (const element of document.querySelectorAll('[aria-labelledby], [aria-describedby]')) {
    for (const name of ['aria-labelledby', 'aria-describedby']) {
      for (const id of (element.getAttribute(name) ?? '').split(/\\s+/).filter(Boolean)) {
        if (document.getElementById(id) === null) findings.push(name + ' of nothing: ' + id);
      }
    }
  }
  for (const image of document.querySelectorAll('img')) if (!image.hasAttribute('alt')) findings.push('no alt: ' + describe(image));
  for (const graphic of document.querySelectorAll('svg, canvas')) {
    const isNamed = graphic.closest('[aria-hidden="true"], [role="img"][aria-label]') !== null;
    if (!isNamed) findings.push('neither hidden nor named: ' + describe(graphic));
  }
  const needs = { columnheader: 'row', gridcell: 'row', row: 'grid', rowgroup: 'grid' };
  for (const [role, parent] of Object.entries(needs)) {
    for (const element of document.querySelectorAll('[role="' + role + '"]')) {
      if (element.closest('[role="' + parent + '"]') === null) findings.push(role + ' outside of ' + parent);
    }
  }
  for (const [name, selector] of [['main', 'main'], ['banner', 'header.top'], ['navigation', 'nav[aria-label]'], ['h1', 'h1']]) {
    const count = document.querySelectorAll(selector).length;
    if (count !== 1) findings.push(count + ' of ' + name);
  }
  let level = 1;
  for (const heading of document.querySelectorAll('main h2, main h3, main h4')) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) findings.push('heading skips a level: ' + describe(heading));
    level = next;
  }
  if (document.documentElement.lang === '') findings.push('no language');
  if (document.title === '') findings.push('no title');
  return findings;
})()`;

/** Text whose contrast with what lies behind it is below 4.5, or 3 when it is large. */
export const CONTRAST_FINDINGS = `(() => {
  const parse = (text) => {
    const numbers = text.match(/[\\d.]+/g)?.map(Number) ?? [0, 0, 0];
    const scale = text.startsWith('color(') ? 255 : 1;
    return [numbers[0] * scale, numbers[1] * scale, numbers[2] * scale, numbers[3] ?? 1];
  };
  const over = (top, below) => top.slice(0, 3).map((value, i) => value * top[3] + below[i] * (1 - top[3]));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) => {
      const part = value / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const groundOf = (element) => {
    const layers = [];
    for (let each = element; each !== null; each = each.parentElement) layers.push(parse(getComputedStyle(each).backgroundColor));
    return layers.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const findings = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (node.data.trim() === '' || element === null || element.closest('noscript, option, .hidden, .skip') !== null) continue;
    if (element.getClientRects().length === 0) continue;
    const style = getComputedStyle(element);
    const ground = groundOf(element);
    const text = over(parse(style.color), ground);
    const [a, b] = [luminance(text), luminance(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) findings.add(ratio.toFixed(2) + ' ' + element.className + ' ' + node.data.trim().slice(0, 40));
  }
  return [...findings];
})()`;

/** What a peer managed to put into the document: elements and addresses that the page never makes. */
export const INJECTED = `(() => {
  const findings = [];
  if (window.hacked !== undefined) findings.push('code of a peer has run');
  for (const element of document.querySelectorAll('script, iframe, object, embed, base, style, form[action], img, [onerror], [onload], [onclick]')) {
    const isOurs =
      (element.tagName === 'SCRIPT' && element.src.startsWith(location.origin + '/assets/')) ||
      (element.tagName === 'IMG' && element.src === location.origin + '/icon.svg');
    if (!isOurs) findings.push(element.outerHTML.slice(0, 120));
  }
  for (const { href } of document.querySelectorAll('a[href]')) {
    if (!href.startsWith(location.origin + '/')) findings.push('link to ' + href.slice(0, 80));
  }
  if (/[\\u202a-\\u202e\\u2066-\\u2069]/.test(document.body.innerText)) findings.push('text that turns direction');
  return findings;
})()`;
