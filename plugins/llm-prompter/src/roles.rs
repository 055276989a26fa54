//! What the model can be told to be: `roles.toml`, made a table by `build.rs`.

use qpyt_sdk::Choice;

/// A way of seeing an idea.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Role {
    /// Names it in documents.
    pub(crate) id: &'static str,
    /// What the person reads.
    pub(crate) label: &'static str,
    /// What the model is told.
    pub(crate) ask: &'static str,
}

/// All roles, in the order they are shown.
pub(crate) const ROLES: &[Role] = include!(concat!(env!("OUT_DIR"), "/roles.rs"));

/// The role of this id.
pub(crate) fn find(id: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.id == id)
}

/// All roles as choices of a form.
pub(crate) fn choices() -> impl Iterator<Item = Choice> {
    ROLES.iter().map(|role| Choice { id: role.id, label: role.label, group: None })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_at_least_twelve_roles_each_with_its_own_name_and_task() {
        assert!(ROLES.len() >= 12, "{}", ROLES.len());
        for part in [|role: &Role| role.id, |role: &Role| role.label, |role: &Role| role.ask] {
            assert_eq!(ROLES.iter().map(part).collect::<BTreeSet<_>>().len(), ROLES.len());
        }
        for role in ROLES {
            assert!(role.ask.starts_with("You ") && role.ask.ends_with('.'), "{}", role.id);
        }
    }
}
