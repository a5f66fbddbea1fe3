/** Light or dark, and what else this browser remembers of a person's choices. */

const NAME = "parley.console";

/** What was chosen before; a browser may refuse to keep anything. */
export function remembered() {
  try {
    const found = JSON.parse(localStorage.getItem(NAME) ?? "{}");
    return found && typeof found === "object" ? found : {};
  } catch {
    return {};
  }
}

export function remember(choices) {
  try {
    localStorage.setItem(NAME, JSON.stringify({ ...remembered(), ...choices }));
  } catch {
    // It holds for this visit, then.
  }
}

const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};

/** *onChange* is called when the colours of the page have changed. */
export function setUpTheme(button, onChange) {
  const choose = (theme) => {
    document.documentElement.dataset.theme = theme;
    onChange();
  };
  const { theme } = remembered();
  if (theme === "light" || theme === "dark") choose(theme);
  button.addEventListener("click", () => {
    const next = isDark() ? "light" : "dark";
    choose(next);
    remember({ theme: next });
  });
}
