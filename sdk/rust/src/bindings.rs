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
