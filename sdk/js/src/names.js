// Names as people read them and as the contract writes them, from the names in the source.

/** The words of `negativePrompt`, `negative_prompt` or `negative-prompt`, in lower case. */
function words(name) {
  return name
    .replace(/([a-z0-9])([A-Z])/g, "$1 $2")
    .split(/[\s_-]+/)
    .filter((word) => word !== "")
    .map((word) => word.toLowerCase());
}

/** `negative-prompt`: the name of a port. */
export function kebab(name) {
  return words(name).join("-");
}

/** `Negative prompt`: what a person reads. */
export function label(name) {
  const text = words(name).join(" ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
