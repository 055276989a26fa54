/** Types of the HTTP API, written by `npm run types`. */
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        BTreeMap: {
            [key: string]: {
                /**
                 * Format: float
                 * @description 0..1 while it runs, where it is known.
                 */
                fraction?: number | null;
                /** @description What it is doing. */
                note?: string;
                /** @description What came out, by port. */
                outputs?: {
                    [key: string]: components["schemas"]["ValueSummary"][];
                };
                /** @description Where it stands. */
                state: components["schemas"]["BrickState"];
                /**
                 * Format: int32
                 * @description Sampling steps done.
                 */
                step?: number | null;
                /**
                 * Format: int32
                 * @description Sampling steps in all.
                 */
                steps?: number | null;
            };
        };
        /** @description The installed bricks. */
        BrickList: {
            /** @description By id, newest version first. */
            bricks: components["schemas"]["BrickView"][];
            /** @description What could not be loaded. */
            refused: components["schemas"]["RefusedView"][];
        };
        /**
         * @description Where one brick of a job stands.
         * @enum {string}
         */
        BrickState: "pending" | "running" | "done" | "cached" | "failed" | "skipped";
        /** @description One version of one brick. */
        BrickView: {
            /** @description `input`, `generator`, `setting` or `output`. */
            category: string;
            /** @description Digest of its binary. */
            digest: string;
            /** @description One or two sentences for the person. */
            doc: string;
            /** @description The folders that the person allowed this binary to write into. */
            granted: string[];
            /** @description Needs the accelerator. */
            heavy: boolean;
            /** @description `namespace:name` */
            id: string;
            /** @description Inputs in the order they are shown. */
            inputs: components["schemas"]["PortView"][];
            /** @description For the person. */
            label: string;
            /** @description Outputs in the order they are shown. */
            outputs: components["schemas"]["PortView"][];
            /** @description JSON Schema of the parameters. */
            params_schema: unknown;
            /** @description A function of its inputs and parameters alone, so its results are kept. */
            pure: boolean;
            /** @description The interfaces of the host that it may use. */
            uses: string[];
            /** @description Semantic version. */
            version: string;
        };
        /** @description A model that can't be used. */
        BrokenView: {
            /** @description Why. */
            message: string;
            /** @description Where it is. */
            path: string;
        };
        /** @description A document to look at. */
        Check: {
            /** @description The workflow. */
            document: unknown;
        };
        /** @description What every failed request answers. */
        ErrorBody: {
            /** @description The error. */
            error: components["schemas"]["ErrorDetail"];
        };
        /** @description The error itself. */
        ErrorDetail: {
            /** @description Stable, kebab-case. */
            code: string;
            /** @description For the person. */
            message: string;
            /** @description Everything that is wrong with a document. */
            problems?: components["schemas"]["ProblemBody"][];
        };
        /** @description A kept event. */
        EventBody: {
            /** @description When (RFC 3339). */
            at: string;
            /** @description More, by kind. */
            data: unknown;
            /** @description The job it is about. */
            job: string;
            /**
             * @description What happened: `queued`, `started`, `brick-started`, `brick-finished`, `brick-failed`, `log`, `result`,
             *     `succeeded`, `failed`, `cancelled`, `interrupted` or `deleted`.
             */
            kind: string;
            /**
             * Format: int64
             * @description Grows with every event.
             */
            seq: number;
        };
        /** @description The permissions. */
        GrantList: {
            /** @description Oldest first. */
            grants: components["schemas"]["GrantView"][];
        };
        /** @description A permission to give. */
        GrantRequest: {
            /** @description The brick, such as `qpyt:save-to-disk`. */
            brick: string;
            /** @description The interface: `qpyt:store/files`. */
            import: string;
            /** @description What of it: an absolute folder that exists. */
            scope: string;
        };
        /** @description A permission. */
        GrantView: {
            /** @description The brick. */
            brick: string;
            /** @description When (RFC 3339). */
            created_at: string;
            /** @description Digest of the binary that was there when the person said yes; another binary asks again. */
            digest: string;
            /**
             * Format: int64
             * @description Its number.
             */
            id: number;
            /** @description The interface. */
            import: string;
            /** @description What of it: a folder. */
            scope: string;
        };
        /** @description The program behind an address. */
        Health: {
            /** @description `qpyt` */
            name: string;
            /** @description Semantic version. */
            version: string;
        };
        /** @description A document read from elsewhere. */
        ImportedView: {
            /** @description The workflow. */
            document: unknown;
            /** @description What could not be taken over. */
            notes: string[];
        };
        /** @description Why a job failed. */
        JobFailure: {
            /** @description Instance id of the brick that failed. */
            brick?: string | null;
            /** @description Stable, kebab-case. */
            code: string;
            /** @description For the person. */
            message: string;
            /** @description The port or parameter it is about. */
            name?: string | null;
        };
        /** @description Jobs, newest first. */
        JobList: {
            /** @description The jobs, without their documents. */
            jobs: components["schemas"]["JobView"][];
        };
        /**
         * @description Where a job is on its way.
         * @enum {string}
         */
        JobState: "queued" | "running" | "succeeded" | "failed" | "cancelled" | "interrupted";
        /** @description A job. */
        JobView: {
            /**
             * Format: int32
             * @description 1, or more after a restart.
             */
            attempt: number;
            /** @description How its bricks stand, by instance id. */
            bricks: components["schemas"]["BTreeMap"];
            /** @description When it was sent (RFC 3339). */
            created_at: string;
            /** @description The document as it runs; only where one job is asked for. */
            document?: unknown;
            error?: components["schemas"]["JobFailure"] | null;
            /** @description When it ended. */
            finished_at?: string | null;
            /**
             * Format: uuid
             * @description Its id.
             */
            id: string;
            /** @description Who takes it. */
            lane: components["schemas"]["Lane"];
            /**
             * Format: int64
             * @description The number of the newest event about it.
             */
            last_seq: number;
            /** @description What people call it. */
            name: string;
            /**
             * Format: int64
             * @description Its place in the order of creation; the key for paging.
             */
            number: number;
            /**
             * Format: int32
             * @description How many jobs of its lane are before it while it is queued; 0 is next.
             */
            position?: number | null;
            preview?: components["schemas"]["Preview"] | null;
            /** @description What it added to the gallery. */
            results: components["schemas"]["ResultView"][];
            /** @description When it last began to run. */
            started_at?: string | null;
            /** @description Where it is on its way. */
            state: components["schemas"]["JobState"];
            /** @description Whether it was asked to stop and has not yet. */
            stopping: boolean;
        };
        /**
         * @description Which workers take a job.
         * @enum {string}
         */
        Lane: "accelerator" | "cpu";
        /** @description The installed models, as the HTTP API and `qpyt models` show them. */
        ModelList: {
            /** @description What is there and can't be used. */
            broken: components["schemas"]["BrokenView"][];
            /** @description Usable ones, by id. */
            models: components["schemas"]["ModelView"][];
        };
        /** @description An installed model. */
        ModelView: {
            /**
             * Format: int64
             * @description On disk.
             */
            bytes: number;
            /** @description Such as `stable-diffusion`. */
            family: string;
            /** @description Used in documents. */
            id: string;
            /** @description For the person. */
            label: string;
            /**
             * Format: int32
             * @description The side, in pixels, that it was trained at.
             */
            native_size: number;
            /** @description Where it is. */
            path: string;
            /**
             * Format: int32
             * @description Sides must be multiples of this many pixels.
             */
            size_multiple: number;
        };
        /** @description An input or output. */
        PortView: {
            /** @description One sentence for the person. */
            doc: string;
            /** @description `image`, `mask`, `text`, `number`, `boolean`, `json`, `tensor` or `any`. */
            kind: string;
            /** @description For the person. */
            label: string;
            /** @description May carry several values. */
            many: boolean;
            /** @description Unique among the inputs, or among the outputs. */
            name: string;
            /** @description Inputs: the run needs it. Outputs: always given. */
            required: boolean;
        };
        /** @description A preset in the list. */
        Preset: {
            /** @description One sentence about it. */
            doc: string;
            /** @description Its file name without the ending. */
            name: string;
            /** @description What people call it. */
            title: string;
        };
        /** @description A glimpse of the picture that is being made. Not kept. */
        Preview: {
            /** @description The brick's instance id. */
            brick: string;
            /** @description A JPEG as data URL. */
            image: string;
            /** @description The job. */
            job: string;
            /**
             * Format: int32
             * @description Sampling steps done.
             */
            step: number;
            /**
             * Format: int32
             * @description Sampling steps in all.
             */
            steps: number;
        };
        /** @description One thing that is wrong with a document. */
        ProblemBody: {
            /** @description Instance id of the brick it concerns. */
            brick?: string | null;
            /** @description Stable, kebab-case. */
            code: string;
            /** @description For the person. */
            message: string;
            /** @description Port or parameter it concerns. */
            name?: string | null;
        };
        /** @description What is wrong with a document; empty when it can run. */
        Problems: {
            /** @description Everything that is wrong. */
            problems: components["schemas"]["ProblemBody"][];
        };
        /** @description A message about a running brick that is not kept: only the newest counts. */
        ProgressUpdate: {
            /** @description The brick's instance id. */
            brick: string;
            /**
             * Format: float
             * @description 0..1
             */
            fraction: number;
            /** @description The job. */
            job: string;
            /** @description What it is doing. */
            note: string;
            /**
             * Format: int32
             * @description Sampling steps done.
             */
            step?: number | null;
            /**
             * Format: int32
             * @description Sampling steps in all.
             */
            steps?: number | null;
        };
        /** @description A brick that could not be loaded. */
        RefusedView: {
            /** @description Why, and what to do. */
            message: string;
            /** @description Where it is. */
            path: string;
        };
        /** @description Results, newest first. */
        ResultList: {
            /** @description The results. */
            results: components["schemas"]["ResultView"][];
        };
        /** @description A picture in the gallery. */
        ResultView: {
            /** @description The brick instance that kept it. */
            brick: string;
            /**
             * Format: int64
             * @description Size of the file.
             */
            bytes: number;
            /** @description How the file is written: `png`, `jpeg` or `webp`. */
            container: string;
            /** @description When (RFC 3339). */
            created_at: string;
            /** @description Digest of the finished file. */
            file: string;
            /**
             * Format: int32
             * @description Pixels.
             */
            height: number;
            /**
             * Format: int64
             * @description Newer ones are greater.
             */
            id: number;
            /** @description Digest of its pixels. */
            image: string;
            /** @description How it was made: model, prompt, seed... */
            info: unknown;
            /** @description The job that made it. */
            job: string;
            /** @description What people call it; may be empty. */
            title: string;
            /**
             * Format: int32
             * @description Pixels.
             */
            width: number;
        };
        /** @description A saved workflow in the list. */
        SavedView: {
            /** @description Its name. */
            name: string;
            /** @description When it was saved (RFC 3339). */
            saved_at: string;
        };
        /** @description A document to run. */
        Submit: {
            /** @description The workflow. */
            document: unknown;
            /**
             * Format: uuid
             * @description Chosen by the client; sending the same job twice with one id makes one job.
             */
            id?: string | null;
            /** @description Instance ids to run up to; empty: all. */
            targets?: string[];
        };
        /** @description A picture that was brought. */
        Uploaded: {
            /** @description Names its pixels. */
            digest: string;
            /**
             * Format: int32
             * @description Pixels.
             */
            height: number;
            /**
             * Format: int32
             * @description Pixels.
             */
            width: number;
        };
        /** @description What a port carried, small enough for an event. */
        ValueSummary: {
            /** @description `blake3:…`, served at `/api/content/{digest}`. */
            digest: string;
            /**
             * Format: int32
             * @description Pixels.
             */
            height: number;
            /** @enum {string} */
            kind: "image";
            /**
             * Format: int32
             * @description Pixels.
             */
            width: number;
        } | {
            /** @description `blake3:…` */
            digest: string;
            /** @enum {string} */
            kind: "tensor";
            /** @description Sizes of its axes. */
            shape: number[];
        } | {
            /** @enum {string} */
            kind: "text";
            /** @description The text. */
            value: string;
        } | {
            /** @enum {string} */
            kind: "number";
            /**
             * Format: double
             * @description The number.
             */
            value: number;
        } | {
            /** @enum {string} */
            kind: "boolean";
            /** @description The answer. */
            value: boolean;
        } | {
            /** @enum {string} */
            kind: "json";
            /** @description The data. */
            value: unknown;
        };
        /** @description Saved workflows and presets. */
        WorkflowList: {
            /** @description Those that come with the studio. */
            presets: components["schemas"]["Preset"][];
            /** @description The person's own, by name. */
            workflows: components["schemas"]["SavedView"][];
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
