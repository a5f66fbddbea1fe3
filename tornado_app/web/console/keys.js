/** Single keys, which one switch turns off (WCAG 2.1.4). */

/** What takes letters, or has a meaning of its own for the space bar. */
const takesKeys = (target) => target.matches("input, textarea, select, [contenteditable]");
const takesSpace = (target) => target.id !== "hold" && target.matches("button, a, input, textarea, select, summary, [role=option]");

/**
 * @param {{isOn: () => boolean, onMute: Function, onType: Function, onHold: Function, onRelease: Function}} how
 */
export function setUpKeys({ isOn, onMute, onType, onHold, onRelease }) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !isOn() || takesKeys(event.target)) return;
    if (event.key === "m" || event.key === "M") onMute();
    else if (event.key === "/") onType();
    else if (event.key === " " && !takesSpace(event.target)) {
      if (!onHold()) return;
    } else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " ") return;
    if (event.target.id === "hold" && isOn()) event.preventDefault(); // it was held and not pressed
    onRelease();
  });
  // A key that is let go of in another window is not seen.
  addEventListener("blur", () => onRelease());
}
