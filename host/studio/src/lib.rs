//! The studio: joins documents (`qpyt-workflow`), bricks (`qpyt-bricks`) and models (`qpyt-inference`) into the
//! program `qpyt`.

pub mod config;
pub mod setup;
pub mod store;
