/** Types of the HTTP API, written by `npm run types`. */
export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /**
         * @description The kinds of things that a brick asks for.
         * @enum {string}
         */
        AskKind: "host" | "secret" | "folder";
        /** @description Something that a brick asks the person for. */
        AskView: {
            /** @description Whether the person allowed it. */
            granted: boolean;
            /** @description The interface. */
            import: string;
            /** @description Of which kind. */
            kind: components["schemas"]["AskKind"];
            /** @description What of it; none for a folder that is chosen later. */
            scope?: string | null;
        };
        BTreeMap: {
            [key: string]: {
                /** @description Digest of the version of the brick that ran. */
                digest?: string | null;
                /**
                 * Format: float
                 * @description 0..1 while it runs, where it is known.
                 */
                fraction?: number | null;
                /** @description What it is doing. */
                note?: string;
                /** @description What the person should know of its result, such as what of the request was left out. */
                notes?: string[];
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
                /** @description What a model has written so far; of a long text the end. */
                text?: string | null;
            };
        };
        /** @description What happened to the bricks of a place. */
        BrickChange: {
            /** @description Ids of its bricks. */
            bricks: string[];
            /** @description Digest that serves now. */
            digest?: string | null;
            /** @description Digest that served before. */
            from_digest?: string | null;
            /** @description `added`, `swapped`, `refused`, `settled`, `removed`, `quarantined`, `rolled-back`, `selected` or `released`. */
            kind: string;
            /** @description The place. */
            place_id: string;
            /** @description Why. */
            reason?: string | null;
            /**
             * Format: int64
             * @description Of the list of bricks.
             */
            revision: number;
            /** @description Version of the first brick that serves now. */
            version?: string | null;
            /** @description The versions that serve now, by brick. */
            versions: {
                [key: string]: string;
            };
        };
        /**
         * @description Whether a brick runs.
         * @enum {string}
         */
        BrickHealth: "serving" | "quarantined";
        /** @description The installed bricks. */
        BrickList: {
            /** @description By id, newest version first. */
            bricks: components["schemas"]["BrickView"][];
            /** @description What does not serve. */
            refused: components["schemas"]["RefusedView"][];
            /**
             * Format: int64
             * @description Grows with every change since the studio started.
             */
            revision: number;
        };
        /** @description The newest log lines of a brick. */
        BrickLog: {
            /** @description Oldest first. */
            lines: components["schemas"]["LogLineView"][];
        };
        /**
         * @description Where one brick of a job stands.
         * @enum {string}
         */
        BrickState: "pending" | "running" | "done" | "cached" | "failed" | "skipped";
        /** @description One version of one brick. */
        BrickView: {
            /** @description What it asks the person for. */
            asks: components["schemas"]["AskView"][];
            /** @description `input`, `generator`, `setting` or `output`. */
            category: string;
            /** @description Digest of its binary. */
            digest: string;
            /** @description One or two sentences for the person. */
            doc: string;
            /** @description The folders that the person allowed this binary to write into. */
            granted: string[];
            /** @description Whether it runs. */
            health: components["schemas"]["BrickHealth"];
            /** @description Why it does not. */
            health_reason?: string | null;
            /** @description Needs the accelerator. */
            heavy: boolean;
            /** @description `namespace:name` */
            id: string;
            /** @description Inputs in the order they are shown. */
            inputs: components["schemas"]["PortView"][];
            /** @description For the person. */
            label: string;
            /** @description What its runs took since the studio started, all versions together. */
            metrics: components["schemas"]["MetricsView"];
            /** @description It carries parameters over from its other versions. */
            migrates: boolean;
            /** @description Outputs in the order they are shown. */
            outputs: components["schemas"]["PortView"][];
            /** @description JSON Schema of the parameters. */
            params_schema: unknown;
            /** @description The folder or file that it is from. */
            place: string;
            /** @description Names the place in addresses. */
            place_id: string;
            /** @description Who made it, as it says. */
            publisher?: string | null;
            /** @description A function of its inputs and parameters alone, so its results are kept. */
            pure: boolean;
            /** @description The key that signed it. */
            signed_by?: string | null;
            /** @description It remembers something from run to run. */
            stateful: boolean;
            /** @description The interfaces of the host that it may use. */
            uses: string[];
            /** @description Semantic version. */
            version: string;
            /** @description The last good versions at its place, newest first. */
            versions: components["schemas"]["VersionView"][];
        };
        /** @description A model that can't be used. */
        BrokenView: {
            /** @description Such as `stable-diffusion`, where that can be told. */
            family?: string | null;
            /** @description The model of the catalogue that has the parts which it lacks, if that is why. */
            get?: string | null;
            /** @description Why. */
            message: string;
            /** @description Where it is. */
            path: string;
        };
        /** @description Lines of the audit. */
        CallList: {
            /** @description Newest first. */
            calls: components["schemas"]["CallView"][];
        };
        /**
         * @description How a call ended at the gate.
         * @enum {string}
         */
        CallOutcome: "allowed" | "denied" | "on-trial";
        /**
         * @description One call of a brick that a person would want to know of: a request to the network, the use of a secret, a file
         *     written, a permission carried over to a new version.
         */
        CallView: {
            /** @description When (RFC 3339). */
            at: string;
            /** @description The brick. */
            brick: string;
            /** @description Digest of its binary. */
            digest: string;
            /**
             * Format: int64
             * @description Its number.
             */
            id: number;
            /** @description The interface. */
            import: string;
            /** @description In which job. */
            job?: string | null;
            /** @description What the call did and how it went. */
            note: string;
            /** @description Whether a permission covered it. */
            outcome: components["schemas"]["CallOutcome"];
            /** @description What of it: a folder, a host with its port, the name of a secret. */
            scope: string;
        };
        /** @description All models of the catalogue. */
        CatalogueList: {
            /** @description Where fetched models go. */
            folder: string;
            /**
             * Format: int64
             * @description Bytes that are free there, if the system tells.
             */
            free_bytes?: number | null;
            /** @description By what they are for. */
            models: components["schemas"]["CatalogueModel"][];
        };
        /** @description A model of the catalogue. */
        CatalogueModel: {
            /**
             * Format: int64
             * @description Bytes of its files, once they are known.
             */
            bytes?: number | null;
            /** @description A sentence about it. */
            description: string;
            /**
             * Format: int64
             * @description Bytes that are here while it is fetched, or of an interrupted pull.
             */
            done_bytes?: number | null;
            /** @description The licence has to be accepted there before it can be fetched. */
            gated: boolean;
            /** @description What it is for. */
            kind: components["schemas"]["ModelKind"];
            /** @description For the person. */
            label: string;
            /** @description The licence's name. */
            licence: string;
            /** @description Why the last pull failed. */
            message?: string | null;
            /** @description Its name, and its id once it is installed. */
            name: string;
            /** @description Where it comes from and its licence can be read. */
            page: string;
            /** @description Where it is, once it is installed. */
            path?: string | null;
            /** @description The studio fetched it and can remove it. */
            removable: boolean;
            /** @description How it stands. */
            state: components["schemas"]["ModelState"];
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
        /** @description Which brick. */
        Forgetful: {
            /** @description The brick, such as `qpyt:prompt`. */
            brick: string;
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
            /** @description The interface: `qpyt:store/files`, `qpyt:store/http` or `qpyt:store/secrets`. */
            import: string;
            /**
             * @description What of it: an absolute folder that exists; a host with its port, such as `api.example.org:443` or
             *     `*.example.org:443`; the name of a secret.
             */
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
            /** @description What of it: a folder, a host with its port (`*.` before it: every name below), or the name of a secret. */
            scope: string;
            /** @description On trial: what only it covers is still allowed, and counted. */
            trial: boolean;
            /**
             * Format: int64
             * @description How many calls would have been refused without it, since the trial began.
             */
            would_deny: number;
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
        /** @description A log line of a brick. */
        LogLineView: {
            /** @description When (RFC 3339). */
            at: string;
            /** @description Digest of the version that wrote it. */
            digest: string;
            /** @description The job that ran the brick; none for a trial run. */
            job?: string | null;
            /** @description `trace`, `debug`, `info`, `warn` or `error`. */
            level: string;
            /** @description What it says. */
            message: string;
        };
        /** @description What the runs of a brick took. */
        MetricsView: {
            /**
             * Format: int64
             * @description Bytes copied between it and the studio.
             */
            bytes_copied: number;
            /**
             * Format: int64
             * @description Its own computing time in milliseconds.
             */
            cpu_ms: number;
            /**
             * Format: int64
             * @description Times, ever, that it was denied something.
             */
            denied: number;
            /**
             * Format: int64
             * @description Runs that ended with an error.
             */
            failures: number;
            /**
             * Format: int64
             * @description The most bytes that one run had at once.
             */
            peak_memory: number;
            /**
             * Format: int64
             * @description Runs that ended, well or not.
             */
            runs: number;
            /**
             * Format: int64
             * @description Times that another version took over.
             */
            swaps: number;
            /**
             * Format: int64
             * @description Failures in which it crashed.
             */
            traps: number;
            /**
             * Format: int64
             * @description Times, ever, that only a permission on trial allowed it something.
             */
            would_deny: number;
        };
        /** @description A workflow to be carried over. */
        MigrateRequest: {
            /** @description The document. */
            document: unknown;
        };
        /**
         * @description What a model is for.
         * @enum {string}
         */
        ModelKind: "text-to-image" | "parts" | "background-removal" | "upscaler" | "captions" | "depth" | "translation" | "chat";
        /** @description The installed models, as the HTTP API and `qpyt models` show them. */
        ModelList: {
            /** @description What is there and can't be used. */
            broken: components["schemas"]["BrokenView"][];
            /** @description Usable ones, by id. */
            models: components["schemas"]["ModelView"][];
            /** @description Files in which no model that is known here is. */
            unknown: components["schemas"]["BrokenView"][];
        };
        /**
         * @description How a model stands.
         * @enum {string}
         */
        ModelState: "ships" | "absent" | "installed" | "available" | "waiting" | "fetching" | "interrupted" | "failed";
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
             * @description Of a model that paints: the side, in pixels, that it was trained at.
             */
            native_size?: number | null;
            /** @description Where it is. */
            path: string;
            /**
             * Format: int32
             * @description Of a model that paints: sides must be multiples of this many pixels.
             */
            size_multiple?: number | null;
        };
        /** @description How to switch. */
        NetworkRequest: {
            /** @description No brick reaches the network. Requests that are under way end at once. */
            offline: boolean;
        };
        /** @description Whether bricks reach the network. */
        NetworkView: {
            /** @description The configuration says so, and nothing can be switched. */
            forced: boolean;
            /** @description None does. */
            offline: boolean;
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
        /** @description A brick to preview. */
        PreviewBody: {
            /** @description Instance id of the brick. */
            brick: string;
            /** @description The workflow, with the parameters to try. */
            document: unknown;
            /**
             * Format: uuid
             * @description The job whose results feed the brick.
             */
            job: string;
            /**
             * Format: uuid
             * @description Any id that the client keeps: of each brick, it has one preview at a time, the newest.
             */
            page: string;
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
            /** @description What the person should know of its result, so far. */
            notes?: string[];
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
            /** @description What a model has written so far; of a long text the end. Left out when nothing was added. */
            text?: string | null;
        };
        /** @description How much there is to fetch. */
        PullSize: {
            /**
             * Format: int64
             * @description Bytes that are free where they would go, if the system tells.
             */
            free_bytes?: number | null;
            /**
             * Format: int64
             * @description Bytes that are missing, if the sources tell.
             */
            missing_bytes?: number | null;
        };
        /**
         * @description At which step a candidate was refused.
         * @enum {string}
         */
        RefusedKind: "build" | "load" | "publisher" | "canary";
        /** @description A candidate that does not serve. */
        RefusedView: {
            /** @description The bricks that the place serves, or would. */
            bricks: string[];
            /** @description Only its trial run failed, so the person may use it all the same. */
            can_use_anyway: boolean;
            /** @description Digest of the candidate, if it could be loaded. */
            digest?: string | null;
            /** @description At which step it was refused. */
            kind: components["schemas"]["RefusedKind"];
            /** @description Why, and what to do. */
            message: string;
            /** @description The folder or file that it is from. */
            path: string;
            /** @description Names the place in addresses. */
            place_id: string;
            /** @description An older version goes on. */
            serving: boolean;
            /** @description Since when (RFC 3339). */
            since: string;
            /** @description Version of the candidate, if it could be loaded. */
            version?: string | null;
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
        /** @description The secrets. */
        SecretList: {
            /** @description By name. */
            secrets: components["schemas"]["SecretView"][];
        };
        /** @description A value to keep. */
        SecretRequest: {
            /** @description Visible ASCII characters without blanks, at most 8 KiB. It never comes out again. */
            value: string;
        };
        /** @description What may be told of a secret. */
        SecretView: {
            /** @description Its name. */
            name: string;
            /** @description When its value was set (RFC 3339). */
            set_at: string;
        };
        /** @description A version to serve. */
        Selection: {
            /** @description Digest of one of the kept versions. */
            digest: string;
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
        /** @description Whether a permission is on trial. */
        TrialRequest: {
            /** @description On trial: what only it covers is still allowed, and counted. */
            trial: boolean;
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
        /** @description A kept version of a brick. */
        VersionView: {
            /** @description Digest of its binary. */
            digest: string;
            /** @description When it came (RFC 3339). */
            loaded_at: string;
            /** @description It crashed too often in a row and is set aside. */
            quarantined: boolean;
            /** @description Its runs under way. */
            running: number;
            /** @description The person chose it over the one in the place's file. */
            selected: boolean;
            /** @description It is the one that new runs get. */
            serving: boolean;
            /** @description Semantic version. */
            version: string;
        };
        /** @description The lists that there are. */
        WildcardList: {
            /** @description Where they lie. */
            folder: string;
            /** @description Their names, as prompts write them between `__` and `__`. */
            names: string[];
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
