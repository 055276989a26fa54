//! Reads a workflow from outside: a document of ours, or an array of the original Qpyt-UI.

use qpyt_workflow::{Catalog, Document, DocumentError, import};

/// Reads a workflow, with notes on what could not be taken over.
///
/// # Errors
/// What is wrong with the text, and where.
pub fn read(bytes: &[u8], catalog: &Catalog) -> Result<(Document, Vec<String>), DocumentError> {
    let array = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    if !array {
        return Ok((Document::from_json(bytes)?, Vec::new()));
    }
    let imported = import(bytes, catalog)?;
    Ok((imported.document, imported.notes))
}
