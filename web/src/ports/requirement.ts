/** Which versions of a brick a document accepts. The server reads requirements by the same rules, those of Cargo. */

export interface Semver {
  major: number;
  minor: number;
  patch: number;
  /** What follows a `-`; empty for a release. */
  pre: string;
}

/** `major`, and as much of the rest as was given. */
interface Comparator {
  op: string;
  major: number;
  minor: number | undefined;
  patch: number | undefined;
  pre: string;
}

const VERSION = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;
const COMPARATOR = /^(=|>=|<=|>|<|~|\^)?\s*(\d+)(?:\.(\d+|[*xX]))?(?:\.(\d+|[*xX]))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

export function semver(text: string): Semver | undefined {
  const found = VERSION.exec(text.trim());
  if (!found) return undefined;
  const [, major, minor, patch, pre = ""] = found;
  return { major: Number(major), minor: Number(minor), patch: Number(patch), pre };
}

/** Below 0 when `a` is the older version, above 0 when it is the newer. What is no version is older than any. */
export function byAge(a: string, b: string): number {
  const [left, right] = [semver(a), semver(b)];
  if (!left || !right) return Number(left !== undefined) - Number(right !== undefined);
  return order(left, right);
}

function order(a: Semver, b: Semver): number {
  return a.major - b.major || a.minor - b.minor || a.patch - b.patch || comparePre(a.pre, b.pre);
}

/** Semantic Versioning 2.0.0, section 11: a release is newer than its pre-releases, numbers are older than words. */
function comparePre(a: string, b: string): number {
  if (a === "" || b === "") return Number(a === "") - Number(b === "");
  const [left, right] = [a.split("."), b.split(".")];
  for (const [index, part] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    if (part === other) continue;
    const numbers = [part, other].map((text) => (/^\d+$/.test(text) ? Number(text) : undefined));
    const [mine, theirs] = numbers;
    if (mine !== undefined && theirs !== undefined) return mine - theirs;
    if (mine !== undefined || theirs !== undefined) return mine !== undefined ? -1 : 1;
    return part < other ? -1 : 1;
  }
  return left.length - right.length;
}

/** Whether a version is one that is accepted. A requirement that can't be read accepts nothing. */
export function accepts(requirement: string, version: string): boolean {
  const given = semver(version);
  const wanted = comparators(requirement);
  if (!given || !wanted) return false;
  if (!wanted.every((comparator) => holds(comparator, given))) return false;
  return given.pre === "" || wanted.some((comparator) => comparator.pre !== "" && sameRelease(comparator, given));
}

/** The requirement as the server writes it, which is how the lock of a document names it. */
export function canonical(requirement: string): string {
  const wanted = comparators(requirement);
  if (!wanted) return requirement;
  if (wanted.length === 0) return "*";
  return wanted.map(written).join(", ");
}

/** The requirement of the versions that are compatible with this one. */
export function compatibleWith(version: string): string {
  const [major = "0", minor = "0"] = version.split(".");
  return major === "0" ? `^0.${minor}` : `^${major}`;
}

/** `undefined` when one of them can't be read; none for `*`. */
function comparators(requirement: string): Comparator[] | undefined {
  const text = requirement.trim();
  if (text === "*" || text === "") return [];
  const read = text.split(",").map((part) => comparator(part.trim()));
  return read.every((one) => one !== undefined) ? read : undefined;
}

function comparator(text: string): Comparator | undefined {
  const found = COMPARATOR.exec(text);
  if (!found) return undefined;
  const [, op, major, minor, patch, pre = ""] = found;
  const wild = [minor, patch].some((part) => part !== undefined && !/^\d/.test(part));
  return { op: op ?? (wild ? "*" : "^"), major: Number(major), minor: whole(minor), patch: whole(patch), pre };
}

function whole(part: string | undefined): number | undefined {
  return part === undefined || !/^\d/.test(part) ? undefined : Number(part);
}

function written({ op, major, minor, patch, pre }: Comparator): string {
  const numbers = [major, minor, patch].filter((part) => part !== undefined).join(".");
  return op === "*" ? `${numbers}.*` : `${op}${numbers}${pre === "" ? "" : `-${pre}`}`;
}

function sameRelease({ major, minor, patch }: Comparator, given: Semver): boolean {
  return major === given.major && minor === given.minor && patch === given.patch;
}

function holds(wanted: Comparator, given: Semver): boolean {
  switch (wanted.op) {
    case "=":
    case "*":
      return within(wanted, given);
    case ">":
      return compare(wanted, given) > 0;
    case ">=":
      return compare(wanted, given) >= 0;
    case "<":
      return compare(wanted, given) < 0;
    case "<=":
      return compare(wanted, given) <= 0;
    case "~":
      return atLeast(wanted, given) && given.major === wanted.major && (wanted.minor === undefined || given.minor === wanted.minor);
    default:
      return atLeast(wanted, given) && compatible(wanted, given);
  }
}

/** Equal in all parts that are given. */
function within(wanted: Comparator, given: Semver): boolean {
  return compare(wanted, given) === 0;
}

/** How a version stands to a comparator, by the parts that the comparator gives: above 0 when it is newer. */
function compare(wanted: Comparator, given: Semver): number {
  const major = given.major - wanted.major;
  if (major !== 0 || wanted.minor === undefined) return major;
  const minor = given.minor - wanted.minor;
  if (minor !== 0 || wanted.patch === undefined) return minor;
  return given.patch - wanted.patch || comparePre(given.pre, wanted.pre);
}

function atLeast({ major, minor = 0, patch = 0, pre }: Comparator, given: Semver): boolean {
  return order(given, { major, minor, patch, pre }) >= 0;
}

/** The caret: the leftmost part that is not zero must not change. */
function compatible({ major, minor, patch }: Comparator, given: Semver): boolean {
  if (given.major !== major) return false;
  if (major > 0 || minor === undefined) return true;
  if (given.minor !== minor) return false;
  return minor > 0 || patch === undefined || given.patch === patch;
}
