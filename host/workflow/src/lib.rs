//! Workflow documents and what can be said about them without running anything: reading and writing them, wiring,
//! checking against the installed bricks, the order of a run and the cache key of each step.
//!
//! Nothing here reads a file, opens a connection, looks at the clock or draws a random number; the program that joins
//! the parts hands those in. Everything that comes from outside is bounded, and errors name the thing and the way out.
//!
//! The way of a document: [`Document::from_json`] or [`import`] → [`set_param`] and [`draw_seeds`] → [`validate`] →
//! [`plan`] → one [`cache_key`] per step → [`record_lock`].

mod cache_key;
mod canonical;
mod catalog;
mod digest;
mod document;
mod graph;
mod import;
mod lock;
mod names;
mod params;
mod plan;
mod problem;
mod schema;
mod seeds;
mod set;
mod suggest;
mod validate;
mod wildcards;
mod wiring;

pub use cache_key::{CacheKey, KeyParts, NotFinite, PlainValue, cache_key, value_digest};
pub use canonical::{canonical_json, normalise};
pub use catalog::{BrickSpec, Catalog, Category, Port, PortKind, ResolveError};
pub use digest::{Digest, DigestError};
pub use document::{
    BrickNode, Document, DocumentError, KeyPath, Link, Lock, LockedBrick, MAX_BRICKS, MAX_BYTES, MAX_DEPTH,
    MAX_LINKS, Place, VERSION,
};
pub use import::{Imported, import};
pub use lock::record_lock;
pub use names::{BrickId, NameError, NodeId, PortName, PortRef};
pub use params::{ParamProblem, check_params, fill_defaults};
pub use plan::{InputLink, Plan, Step, plan, targets};
pub use problem::{Problem, ProblemCode};
pub use schema::{SchemaError, check_schema};
pub use seeds::draw_seeds;
pub use set::{SetError, set_param};
pub use suggest::nearest;
pub use validate::validate;
pub use wildcards::{WildcardError, expand_wildcards};
pub use wiring::{Ports, auto_links, wire};
