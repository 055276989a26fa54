//! What can be wrong with a document, in a form that an interface can pin to the brick and the field.

use serde::{Deserialize, Serialize};

use crate::names::NodeId;

/// The kind of a [`Problem`]. Treat the set as open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ProblemCode {
    /// There is nothing to run.
    NoBricks,
    /// Two brick instances have one id.
    DuplicateId,
    /// No brick of that name is installed.
    UnknownBrick,
    /// The brick is installed, but in no version that the document accepts.
    VersionNotInstalled,
    /// A link or a run target names a brick instance that the document does not have.
    UnknownInstance,
    /// A link names a port that the brick does not have.
    UnknownPort,
    /// What comes out of one end of a link does not fit into the other.
    WrongKind,
    /// Two links lead into an input that takes one value.
    InputTaken,
    /// Nothing leads into a required input.
    MissingInput,
    /// Bricks wait for each other in a circle.
    Cycle,
    /// A parameter is missing, unknown or outside what it may be.
    BadParam,
    /// The brick's own parameter schema can't be used.
    BadSchema,
    /// A parameter names a model that is not installed. Found by the host, as are the next two.
    ModelMissing,
    /// A parameter names a model that is installed but can't be used.
    ModelBroken,
    /// A parameter names a picture that the studio doesn't have.
    PictureMissing,
}

impl ProblemCode {
    /// The code as it is written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoBricks => "no-bricks",
            Self::DuplicateId => "duplicate-id",
            Self::UnknownBrick => "unknown-brick",
            Self::VersionNotInstalled => "version-not-installed",
            Self::UnknownInstance => "unknown-instance",
            Self::UnknownPort => "unknown-port",
            Self::WrongKind => "wrong-kind",
            Self::InputTaken => "input-taken",
            Self::MissingInput => "missing-input",
            Self::Cycle => "cycle",
            Self::BadParam => "bad-param",
            Self::BadSchema => "bad-schema",
            Self::ModelMissing => "model-missing",
            Self::ModelBroken => "model-broken",
            Self::PictureMissing => "picture-missing",
        }
    }
}

/// One thing that keeps a document from running.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// What kind of problem it is.
    pub code: ProblemCode,
    /// The brick instance it belongs to; none when it is the whole document's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub brick: Option<NodeId>,
    /// The port or parameter it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What is wrong and what to do, for the person.
    pub message: String,
}

impl Problem {
    pub(crate) fn whole(code: ProblemCode, message: impl Into<String>) -> Self {
        Self { code, brick: None, name: None, message: message.into() }
    }

    pub(crate) fn of(code: ProblemCode, brick: &NodeId, message: impl Into<String>) -> Self {
        Self { code, brick: Some(brick.clone()), name: None, message: message.into() }
    }

    pub(crate) fn at(
        code: ProblemCode,
        brick: &NodeId,
        name: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Self { code, brick: Some(brick.clone()), name: Some(name.into()), message: message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_written_with_its_code_in_kebab_case_and_without_empty_fields() {
        let problem = Problem::whole(ProblemCode::NoBricks, "empty");
        assert_eq!(serde_json::to_string(&problem).unwrap(), r#"{"code":"no-bricks","message":"empty"}"#);
    }

    #[test]
    fn a_code_reads_the_same_as_text_and_in_json() {
        use ProblemCode::*;
        for code in [
            NoBricks,
            DuplicateId,
            UnknownBrick,
            VersionNotInstalled,
            UnknownInstance,
            UnknownPort,
            WrongKind,
            InputTaken,
            MissingInput,
            Cycle,
            BadParam,
            BadSchema,
            ModelMissing,
            ModelBroken,
            PictureMissing,
        ] {
            assert_eq!(serde_json::to_value(code).unwrap(), code.as_str());
        }
    }
}
