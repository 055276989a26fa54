/** The HTTP API as functions: one per route, typed, with every failure an `ApiError`. */
import type {
  AuditCall,
  BrickList,
  Broken,
  CatalogueList,
  CatalogueModel,
  Grant,
  Job,
  Json,
  LogLine,
  Model,
  Network,
  PresetEntry,
  Problem,
  PullSize,
  Secret,
  Upload,
  WorkflowDocument,
  WorkflowEntry,
} from "./types.js";

/** A request that failed: the server's code and words, or `unreachable` when no answer came. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly problems: Problem[] = [],
  ) {
    super(message);
    this.name = "ApiError";
  }

  get unreachable(): boolean {
    return this.code === "unreachable";
  }
}

interface ErrorBody {
  error?: { code?: string; message?: string; problems?: Problem[] | null };
}

/** The address of a stored picture or file. */
export function contentUrl(digest: string, downloadName?: string): string {
  const query = downloadName === undefined ? "" : `?download=${encodeURIComponent(downloadName)}`;
  return `/api/content/${encodeURIComponent(digest)}${query}`;
}

export class Client {
  readonly #fetch: typeof fetch;

  constructor(fetcher: typeof fetch = (...request) => fetch(...request)) {
    this.#fetch = fetcher;
  }

  bricks(): Promise<BrickList> {
    return this.#json("GET", "/api/bricks");
  }

  /** A kept version of a place serves, until its file changes. */
  selectVersion(place: string, digest: string): Promise<BrickList> {
    return this.#json("POST", `/api/bricks/places/${encodeURIComponent(place)}/select`, { digest });
  }

  /** The version that was refused serves all the same. */
  useAnyway(place: string): Promise<BrickList> {
    return this.#json("POST", `/api/bricks/places/${encodeURIComponent(place)}/use-anyway`);
  }

  /** Lifts a quarantine. */
  release(place: string): Promise<BrickList> {
    return this.#json("POST", `/api/bricks/places/${encodeURIComponent(place)}/release`);
  }

  /** Removes what a brick remembers between runs. */
  async forget(brick: string): Promise<void> {
    await this.#send("POST", "/api/bricks/forget", { brick });
  }

  /** What a brick said lately, oldest first. */
  brickLog(brick: string, limit = 200): Promise<{ lines: LogLine[] }> {
    return this.#json("GET", `/api/bricks/log?brick=${encodeURIComponent(brick)}&limit=${limit}`);
  }

  /** A brick's uses of power, newest first. */
  audit(brick: string, limit = 100): Promise<{ calls: AuditCall[] }> {
    return this.#json("GET", `/api/audit?brick=${encodeURIComponent(brick)}&limit=${limit}`);
  }

  models(family: string): Promise<{ models: Model[]; broken: Broken[] }> {
    return this.#json("GET", `/api/models?family=${encodeURIComponent(family)}`);
  }

  /** Whatever is installed, of all families. */
  installedModels(): Promise<{ models: Model[]; broken: Broken[]; unknown: Broken[] }> {
    return this.#json("GET", "/api/models");
  }

  /** The models that ship, were fetched, or can be. */
  catalogue(): Promise<CatalogueList> {
    return this.#json("GET", "/api/models/catalogue");
  }

  /** How much fetching a model would take. Asks the Hub where the catalogue does not know. */
  pullSize(name: string): Promise<PullSize> {
    return this.#json("GET", `/api/models/${encodeURIComponent(name)}/size`);
  }

  /** Fetches a model, or goes on with it. How far it is comes by events. */
  startPull(name: string): Promise<CatalogueModel> {
    return this.#json("POST", `/api/models/${encodeURIComponent(name)}/pull`);
  }

  /** Stops fetching a model, and throws away what is here if asked to. */
  stopPull(name: string, discard: boolean): Promise<CatalogueModel> {
    return this.#json("DELETE", `/api/models/${encodeURIComponent(name)}/pull?discard=${discard}`);
  }

  async removeModel(name: string): Promise<void> {
    await this.#send("DELETE", `/api/models/${encodeURIComponent(name)}`);
  }

  check(document: WorkflowDocument): Promise<{ problems: Problem[] }> {
    return this.#json("POST", "/api/check", { document });
  }

  importDocument(content: Json): Promise<{ document: WorkflowDocument; notes: string[] }> {
    return this.#json("POST", "/api/import", content);
  }

  /** Queues a run. The same `id` twice is the same job, so a lost answer may be asked for again. */
  submit(id: string, document: WorkflowDocument): Promise<Job> {
    return this.#json("POST", "/api/jobs", { id, document });
  }

  /** The picture that a brick would make, fed by what a finished job made. Of each brick, a page has one at a time. */
  async preview(wish: { document: WorkflowDocument; brick: string; job: string; page: string }, signal: AbortSignal): Promise<Blob> {
    const response = await this.#send("POST", "/api/preview", wish, {}, signal);
    return response.blob().catch(() => {
      throw new ApiError(0, "unreachable", "");
    });
  }

  /** A page of jobs, newest first; with `before`, only those with a smaller number. */
  jobs(limit = 50, before?: number): Promise<{ jobs: Job[] }> {
    return this.#json("GET", `/api/jobs?limit=${limit}${before === undefined ? "" : `&before=${before}`}`);
  }

  job(id: string): Promise<Job> {
    return this.#json("GET", `/api/jobs/${encodeURIComponent(id)}`);
  }

  cancel(id: string): Promise<Job> {
    return this.#json("POST", `/api/jobs/${encodeURIComponent(id)}/cancel`);
  }

  async deleteJob(id: string): Promise<void> {
    await this.#send("DELETE", `/api/jobs/${encodeURIComponent(id)}`);
  }

  upload(image: Blob): Promise<Upload> {
    return this.#json("POST", "/api/uploads", image);
  }

  workflows(): Promise<{ workflows: WorkflowEntry[]; presets: PresetEntry[] }> {
    return this.#json("GET", "/api/workflows");
  }

  workflow(name: string): Promise<WorkflowDocument> {
    return this.#json("GET", `/api/workflows/${encodeURIComponent(name)}`);
  }

  preset(name: string): Promise<WorkflowDocument> {
    return this.#json("GET", `/api/presets/${encodeURIComponent(name)}`);
  }

  /** Saves a workflow; unless `overwrite`, a taken name is refused with status 409. */
  async saveWorkflow(name: string, document: WorkflowDocument, overwrite: boolean): Promise<void> {
    const headers: Record<string, string> = overwrite ? {} : { "If-None-Match": "*" };
    await this.#send("PUT", `/api/workflows/${encodeURIComponent(name)}`, document, headers);
  }

  async deleteWorkflow(name: string): Promise<void> {
    await this.#send("DELETE", `/api/workflows/${encodeURIComponent(name)}`);
  }

  /** The document with its parameters carried to the installed versions, and what there is to say of that. */
  migrate(document: WorkflowDocument): Promise<{ document: WorkflowDocument; notes: string[] }> {
    return this.#json("POST", "/api/workflows/migrate", { document });
  }

  grants(): Promise<{ grants: Grant[] }> {
    return this.#json("GET", "/api/grants");
  }

  async allow(brick: string, capability: string, scope: string): Promise<void> {
    await this.#send("POST", "/api/grants", { brick, import: capability, scope });
  }

  async revoke(grant: number): Promise<void> {
    await this.#send("DELETE", `/api/grants/${encodeURIComponent(grant)}`);
  }

  async setTrial(grant: number, trial: boolean): Promise<void> {
    await this.#send("PUT", `/api/grants/${encodeURIComponent(grant)}/trial`, { trial });
  }

  secrets(): Promise<{ secrets: Secret[] }> {
    return this.#json("GET", "/api/secrets");
  }

  async setSecret(name: string, value: string): Promise<void> {
    await this.#send("PUT", `/api/secrets/${encodeURIComponent(name)}`, { value });
  }

  async deleteSecret(name: string): Promise<void> {
    await this.#send("DELETE", `/api/secrets/${encodeURIComponent(name)}`);
  }

  network(): Promise<Network> {
    return this.#json("GET", "/api/network");
  }

  async setOffline(offline: boolean): Promise<void> {
    await this.#send("PUT", "/api/network", { offline });
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#send(method, path, body);
    return (await response.json()) as T;
  }

  async #send(method: string, path: string, body?: unknown, extra: Record<string, string> = {}, signal?: AbortSignal): Promise<Response> {
    const headers: Record<string, string> = { ...extra };
    const init: RequestInit = { method, headers, ...(signal ? { signal } : {}) };
    if (body instanceof Blob) {
      headers["Content-Type"] = body.type || "application/octet-stream";
      init.body = body;
    } else if (body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    let response: Response;
    try {
      response = await this.#fetch(path, init);
    } catch {
      throw new ApiError(0, "unreachable", "");
    }
    if (!response.ok) throw await failure(response);
    return response;
  }
}

async function failure(response: Response): Promise<ApiError> {
  const body = (await response.json().catch(() => ({}))) as ErrorBody;
  const error = body.error ?? {};
  return new ApiError(
    response.status,
    error.code ?? `http-${response.status}`,
    error.message ?? response.statusText,
    error.problems ?? [],
  );
}
