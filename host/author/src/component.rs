//! What a component imports, read from its bytes, so that it can be told even when the loader refuses it.

use std::collections::BTreeSet;

use qpyt_bricks::Interface;
use wasmparser::{Chunk, Parser, Payload};

/// The interfaces of ours that it imports. As far as the bytes can be read; the loader says what is wrong with them.
pub(crate) fn imports(wasm: &[u8]) -> BTreeSet<Interface> {
    let mut found = BTreeSet::new();
    let mut parser = Parser::new(0);
    let mut at = 0_usize;
    while let Some(rest) = wasm.get(at..) {
        let Ok(Chunk::Parsed { consumed, payload }) = parser.parse(rest, true) else { break };
        at = at.saturating_add(consumed);
        match payload {
            Payload::ModuleSection { unchecked_range, .. }
            | Payload::ComponentSection { unchecked_range, .. } => {
                at = at.saturating_add(unchecked_range.len());
            }
            Payload::ComponentImportSection(section) => {
                found.extend(
                    section
                        .into_iter()
                        .map_while(Result::ok)
                        .filter_map(|import| interface(import.name.name)),
                );
            }
            Payload::End(_) => break,
            _ => {}
        }
    }
    found
}

fn interface(import: &str) -> Option<Interface> {
    import.split('@').next()?.parse().ok()
}
