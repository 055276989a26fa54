/** Finding models by what they are called and what they are for, grouped as the page shows them. */
import { t, type TextKey } from "../i18n/text.js";
import type { CatalogueModel, ModelKind } from "../net/types.js";

/** The order of the groups. */
const KINDS: readonly ModelKind[] = ["text-to-image", "parts", "upscaler", "background-removal", "captions", "depth", "translation", "chat"];

export interface ModelGroup {
  kind: ModelKind;
  models: CatalogueModel[];
}

export function kindName(kind: ModelKind): string {
  return t(`kind.${kind}` satisfies TextKey);
}

/** The models that have all the words somewhere, in groups that are not empty. */
export function grouped(models: readonly CatalogueModel[], search: string): ModelGroup[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== "");
  const hit = (model: CatalogueModel): boolean => {
    const text = [model.name, model.label, model.description, model.licence, kindName(model.kind)].join(" ").toLowerCase();
    return words.every((word) => text.includes(word));
  };
  const groups = KINDS.map((kind) => ({ kind, models: models.filter((model) => model.kind === kind && hit(model)) }));
  return groups.filter((group) => group.models.length > 0);
}

/** The last part of a path of the studio's machine, of whatever kind that is. */
export function fileName(path: string): string {
  return path.split(/[/\\]/).at(-1) || path;
}
