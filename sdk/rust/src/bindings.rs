//! What `wit-bindgen` makes of the contract in `wit/`. The rest of the crate gives it a friendlier face.
#![allow(missing_docs, reason = "generated from the WIT files, which carry the documentation")]
#![allow(clippy::all, reason = "generated")]

wit_bindgen::generate!({
    path: ["../../wit/media", "../../wit/job", "../../wit/ai", "../../wit/store", "../../wit/brick"],
    world: "qpyt:brick/brick",
    generate_all,
    pub_export_macro: true,
    default_bindings_module: "qpyt_sdk::bindings",
    runtime_path: "::qpyt_sdk::wit_bindgen::rt",
});

/// The optional export `state`, a world of its own that a component has besides.
pub mod state {
    wit_bindgen::generate!({
        path: ["../../wit/media", "../../wit/job", "../../wit/ai", "../../wit/store", "../../wit/brick"],
        inline: "package sdk:state; world state { export qpyt:brick/state@0.1.1; }",
        world: "sdk:state/state",
        pub_export_macro: true,
        export_macro_name: "export_state",
        default_bindings_module: "qpyt_sdk::bindings::state",
        runtime_path: "::qpyt_sdk::wit_bindgen::rt",
    });
}

/// The optional export `migrate`.
pub mod migrate {
    wit_bindgen::generate!({
        path: ["../../wit/media", "../../wit/job", "../../wit/ai", "../../wit/store", "../../wit/brick"],
        inline: "package sdk:migrate; world migrate { export qpyt:brick/migrate@0.1.1; }",
        world: "sdk:migrate/migrate",
        pub_export_macro: true,
        export_macro_name: "export_migrate",
        default_bindings_module: "qpyt_sdk::bindings::migrate",
        runtime_path: "::qpyt_sdk::wit_bindgen::rt",
    });
}
