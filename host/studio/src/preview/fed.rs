//! What an earlier job made for a brick, and whether it would be made like that again.

use std::iter::zip;

use qpyt_workflow::{Document, NodeId, Step, plan};
use serde_json::Value;

use super::PreviewError;
use crate::jobs::progress::{BrickState, Bricks, ValueSummary};
use crate::library::Installed;
use crate::store::{JobId, Store};

/// A job, as far as it concerns one brick.
pub(super) struct Earlier {
    steps: Vec<Step>,
    bricks: Bricks,
}

impl Earlier {
    /// The steps of the job up to a brick.
    pub(super) fn read(
        store: &Store,
        installed: &Installed,
        job: JobId,
        brick: &NodeId,
    ) -> Result<Self, PreviewError> {
        let bricks = serde_json::from_value(store.job(job)?.bricks).unwrap_or_default();
        let document = Document::try_from(store.job_document(job)?).map_err(|_| PreviewError::Stale)?;
        let planned = plan(&document, &installed.catalog, std::slice::from_ref(brick));
        Ok(Self { steps: planned.map_err(|_| PreviewError::Stale)?.steps, bricks })
    }

    /// Whether the steps `before` the brick and what leads into it are as they were.
    pub(super) fn check_like(&self, before: &[Step], brick: &Step) -> Result<(), PreviewError> {
        let (was, were) = self.steps.split_last().ok_or(PreviewError::Stale)?;
        let alike = were.len() == before.len() && zip(were, before).all(|(was, is)| self.is_like(was, is));
        if alike && was.spec.id == brick.spec.id && was.inputs == brick.inputs {
            Ok(())
        } else {
            Err(PreviewError::Stale)
        }
    }

    fn is_like(&self, was: &Step, is: &Step) -> bool {
        let ran = self.bricks.get(was.node.as_str()).and_then(|progress| progress.digest.as_deref());
        let same_version = ran.is_none_or(|digest| digest == is.spec.digest.to_string());
        same_version && was.node == is.node && was.inputs == is.inputs && same_params(was, is)
    }

    /// The values at the brick's inputs, by port; of pictures the first.
    pub(super) fn values(&self, brick: &Step) -> Result<Vec<(String, ValueSummary)>, PreviewError> {
        let mut values = Vec::new();
        for link in &brick.inputs {
            let made = self.bricks.get(link.from.node.as_str());
            let made = made.filter(|made| matches!(made.state, BrickState::Done | BrickState::Cached));
            let outputs = &made.ok_or(PreviewError::Unfed)?.outputs;
            let carried = outputs.get(link.from.port.as_str()).map(Vec::as_slice).unwrap_or_default();
            let is_picture = matches!(carried.first(), Some(ValueSummary::Image { .. }));
            let count = if is_picture { 1 } else { carried.len() };
            values.extend(carried.iter().take(count).map(|value| (link.port.to_string(), value.clone())));
        }
        Ok(values)
    }
}

/// Whether the parameters are the same, but for seeds that are still left to chance.
fn same_params(was: &Step, is: &Step) -> bool {
    let (Some(were), Some(are)) = (was.params.as_object(), is.params.as_object()) else { return false };
    let is_seed = |name: &str| {
        let property = is.spec.params_schema.get("properties").and_then(|all| all.get(name));
        property.and_then(|property| property.get("x-widget")).and_then(Value::as_str) == Some("seed")
    };
    let same =
        |(name, value): (&String, &Value)| were.get(name) == Some(value) || value.is_null() && is_seed(name);
    were.len() == are.len() && was.spec.id == is.spec.id && are.iter().all(same)
}
