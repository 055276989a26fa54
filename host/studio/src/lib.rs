//! The studio: joins documents (`qpyt-workflow`), bricks (`qpyt-bricks`) and models (`qpyt-inference`) into the
//! program `qpyt`.

pub mod catalogue;
pub mod cli;
pub mod config;
pub mod http;
pub mod jobs;
pub mod library;
pub mod models;
pub mod network;
pub mod permissions;
pub mod presets;
pub mod preview;
pub mod pull;
pub mod setup;
pub mod store;
pub mod studio;
pub mod wildcards;
