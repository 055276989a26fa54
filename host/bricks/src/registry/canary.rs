//! The trial run: before a new version serves, it is given what the last good run of each of its bricks was given.
//! It must not do worse than crash-free and well-formed; that its outputs differ is what new versions are for.

use std::{sync::Arc, time::Duration};

use super::{
    Version,
    player::Player,
    tape::{Tape, WriteLine},
};
use crate::{BrickInfo, CancellationToken, Limits, RunError, RunOutcome, RunRequest, SavedState};

/// The least time that a trial run gets, however fast the recorded one was.
const LEAST_WALL: Duration = Duration::from_secs(10);

/// How a trial run ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trial {
    /// Nothing was recorded, or the new version takes or asks for other things than the recorded run.
    Untold,
    /// It ran as well as the version before.
    Passed,
    /// It failed where the version before did not.
    Failed(RunError),
}

/// What a trial run of one brick needs.
pub(super) struct Setting<'a> {
    pub(super) candidate: &'a Version,
    pub(super) brick: &'a BrickInfo,
    /// What the version that serves says of the brick.
    pub(super) before: &'a BrickInfo,
    pub(super) tape: &'a Tape,
    pub(super) state: Option<SavedState>,
    pub(super) limits: Limits,
    pub(super) write_line: WriteLine,
}

/// Plays the tape to the candidate.
pub(super) async fn play(setting: Setting<'_>) -> Trial {
    let Setting { candidate, brick, before, tape, state, mut limits, write_line } = setting;
    let binary = candidate.binary();
    let migrated = match brick.version == tape.version {
        true => Ok(tape.params.clone()),
        false => binary.migrate_params(&brick.id, &tape.version, &tape.params).await,
    };
    let params = match migrated {
        Ok(params) => fitted(params, &brick.params_schema),
        Err(error) => {
            let problem = error.to_string();
            return Trial::Failed(RunError::BadParam { param: "params".to_owned(), problem });
        }
    };
    limits.wall = limits.wall.min(LEAST_WALL.max(tape.wall * 4));
    let player = Arc::new(Player::of(tape, write_line));
    let request = RunRequest {
        brick: brick.id.clone(),
        inputs: tape.inputs.clone(),
        params,
        seed: tape.seed,
        state,
        limits: Some(limits),
        cancel: CancellationToken::new(),
        host: player.clone(),
    };
    let result = binary.run(request).await;
    judge(result, player.went_off_tape(), asks_the_same(brick, before))
}

fn judge(result: Result<RunOutcome, RunError>, off_tape: bool, same_form: bool) -> Trial {
    match result {
        Ok(_) => Trial::Passed,
        Err(
            error @ (RunError::Trapped { .. }
            | RunError::OutOfMemory { .. }
            | RunError::CpuBudget { .. }
            | RunError::DeadlineExceeded { .. }
            | RunError::TooManyHandles { .. }
            | RunError::TooMuchOutput { .. }
            | RunError::BadOutput { .. }
            | RunError::State { .. }),
        ) => Trial::Failed(error),
        Err(error @ (RunError::Brick { .. } | RunError::BadInput { .. } | RunError::BadParam { .. }))
            if same_form && !off_tape =>
        {
            Trial::Failed(error)
        }
        Err(_) => Trial::Untold,
    }
}

/// Whether both versions take the same inputs and parameters.
fn asks_the_same(brick: &BrickInfo, before: &BrickInfo) -> bool {
    brick.inputs == before.inputs && brick.params_schema == before.params_schema
}

/// The parameters that the schema knows, and its defaults for those that are missing.
fn fitted(params: serde_json::Value, schema: &serde_json::Value) -> serde_json::Value {
    let given = if let serde_json::Value::Object(given) = params { given } else { Default::default() };
    let properties = schema.get("properties").and_then(serde_json::Value::as_object);
    let value_of = |(name, property): (&String, &serde_json::Value)| {
        let value = given.get(name).or_else(|| property.get("default"))?;
        Some((name.clone(), value.clone()))
    };
    serde_json::Value::Object(properties.into_iter().flatten().filter_map(value_of).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn known_parameters_stay_new_ones_get_their_default_and_gone_ones_go() {
        let schema = json!({"properties": {"a": {"default": 1}, "b": {"default": 2}, "c": {}}});
        assert_eq!(fitted(json!({"a": 7, "gone": 0}), &schema), json!({"a": 7, "b": 2}));
        assert_eq!(fitted(json!("no object"), &schema), json!({"a": 1, "b": 2}));
    }

    #[test]
    fn a_refusal_of_the_recorded_inputs_counts_only_while_the_form_is_the_same() {
        let refusal = || Err(RunError::BadParam { param: "a".to_owned(), problem: "no".to_owned() });
        assert!(matches!(judge(refusal(), false, true), Trial::Failed(_)));
        assert_eq!(judge(refusal(), false, false), Trial::Untold);
        assert_eq!(judge(refusal(), true, true), Trial::Untold);
        let crash = || Err(RunError::Trapped { brick: "a:b".to_owned(), reason: "x".to_owned() });
        assert!(matches!(judge(crash(), true, false), Trial::Failed(_)));
    }
}
