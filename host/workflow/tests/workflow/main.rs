//! The crate from outside: whole documents against a catalogue like the first-party one.

#[cfg(test)]
mod canonical;
#[cfg(test)]
mod document;
#[cfg(test)]
mod generator;
#[cfg(test)]
mod import;
#[cfg(test)]
mod lock;
#[cfg(test)]
mod plan;
#[cfg(test)]
mod presets;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod set;
#[cfg(test)]
mod support;
#[cfg(test)]
mod validate;
#[cfg(test)]
mod wildcards;
mod wiring;
