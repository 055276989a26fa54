//! The studio: joins documents (`qpyt-workflow`), bricks (`qpyt-bricks`) and models (`qpyt-inference`) into the
//! program `qpyt`.

pub mod cli;
pub mod config;
pub mod http;
pub mod jobs;
pub mod library;
pub mod models;
pub mod permissions;
pub mod presets;
pub mod setup;
pub mod store;
pub mod studio;
