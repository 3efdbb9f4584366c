/** Light or dark: as the system says, unless the reader has chosen. */

export type ThemeChoice = 'system' | 'light' | 'dark';

const KEY = 'muster-theme';
const listeners = new Set<() => void>();

export function themeChoice(): ThemeChoice {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : 'system';
  } catch {
    return 'system';
  }
}

/** Remembers the choice where that is allowed, and shows it. */
export function chooseTheme(choice: ThemeChoice): void {
  try {
    if (choice === 'system') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, choice);
  } catch {
    // A reader who keeps nothing has the choice until the page is closed.
  }
  showTheme(choice);
}

/** Puts the choice on the document, for the style sheets, and tells those who draw with colours of their own. */
export function showTheme(choice: ThemeChoice): void {
  if (choice === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = choice;
  for (const listener of listeners) listener();
}

/** Calls `listener` when colours may have changed; returns how to stop that. */
export function onThemeChange(listener: () => void): () => void {
  listeners.add(listener);
  const system = matchMedia('(prefers-color-scheme: dark)');
  system.addEventListener('change', listener);
  return () => {
    listeners.delete(listener);
    system.removeEventListener('change', listener);
  };
}

/** A colour of the style sheet as it is now, for canvases, which know nothing of `light-dark()`. */
export function colour(name: string): string {
  const probe = document.head.appendChild(document.createElement('span'));
  try {
    probe.style.color = `var(--${name})`;
    return getComputedStyle(probe).color;
  } finally {
    probe.remove();
  }
}
