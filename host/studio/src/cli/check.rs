//! `qpyt check`: says everything that is wrong with a workflow, without running it.

use std::path::Path;
use std::process::ExitCode;

use super::arguments::Common;
use super::{UNUSABLE, open, print_problems, read_document};
use crate::studio::Access;

/// Checks a workflow file.
///
/// # Errors
/// When the file can't be read or the studio can't start.
pub(super) async fn check(common: &Common, file: &Path) -> anyhow::Result<ExitCode> {
    let studio = open(common, Access::Beside).await?;
    let document = read_document(file, &studio.library.catalog())?;
    let problems = studio.jobs.check(&document);
    if problems.is_empty() {
        println!(
            "{} is ready to run: {} bricks, {} links",
            file.display(),
            document.bricks.len(),
            document.links.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    print_problems(&problems);
    Ok(ExitCode::from(UNUSABLE))
}
