/** The HTTP API as functions: one per route, typed, with every failure an `ApiError`. */
import type {
  BrickInfo,
  Grant,
  Job,
  Json,
  Model,
  PresetEntry,
  Problem,
  Refusal,
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

  bricks(): Promise<{ bricks: BrickInfo[]; refused: Refusal[] }> {
    return this.#json("GET", "/api/bricks");
  }

  models(family: string): Promise<{ models: Model[]; broken: Refusal[] }> {
    return this.#json("GET", `/api/models?family=${encodeURIComponent(family)}`);
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

  grants(): Promise<{ grants: Grant[] }> {
    return this.#json("GET", "/api/grants");
  }

  async allow(brick: string, capability: string, scope: string): Promise<void> {
    await this.#send("POST", "/api/grants", { brick, import: capability, scope });
  }

  async #json<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await this.#send(method, path, body);
    return (await response.json()) as T;
  }

  async #send(method: string, path: string, body?: unknown, extra: Record<string, string> = {}): Promise<Response> {
    const headers: Record<string, string> = { ...extra };
    const init: RequestInit = { method, headers };
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
