//! How a prompt changes over the steps: `[from:to:when]`, `[to:when]`, `[from::when]` and `[this|that]`.

use std::collections::BTreeSet;

/// Brackets within brackets that count as such; deeper ones are letters.
const MAX_DEPTH: usize = 32;
/// Most different texts that a prompt may be over its steps.
const MAX_FORMS: usize = 64;

/// What a prompt says from a step on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// The first step at which it is so, from 0.
    pub first_step: usize,
    /// The text.
    pub text: String,
}

/// A prompt that is too many different texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "it says more than {MAX_FORMS} different things over its steps; use fewer alternatives within brackets"
)]
pub struct TooManyForms;

/// What a prompt says in the course of a number of steps; the first form begins at step 0. `when` is a number of steps,
/// or a share of them below 1.
///
/// # Errors
/// It says too many different things.
pub fn forms_over_steps(prompt: &str, steps: usize) -> Result<Vec<Form>, TooManyForms> {
    let nodes = Parser::default().parse(prompt);
    let mut changes = BTreeSet::from([0]);
    collect_changes(&nodes, steps, &mut changes);
    let mut forms: Vec<Form> = Vec::new();
    let mut different = BTreeSet::new();
    for first_step in changes {
        let mut text = String::new();
        write_at(&nodes, (first_step, steps), &mut text);
        if forms.last().is_some_and(|form| form.text == text) {
            continue;
        }
        different.insert(text.clone());
        if different.len() > MAX_FORMS {
            return Err(TooManyForms);
        }
        forms.push(Form { first_step, text });
    }
    Ok(forms)
}

/// A stretch of a prompt.
enum Node {
    /// The same at all steps.
    Text(String),
    /// One thing and then another.
    Change { before: Vec<Node>, after: Vec<Node>, when: f64 },
    /// One thing after the other, step by step.
    Turns(Vec<Vec<Node>>),
}

/// The step at which a change happens.
fn step_of(when: f64, steps: usize) -> usize {
    let step = if when < 1.0 { when * steps as f64 } else { when };
    (step.max(0.0) as usize).min(steps)
}

/// Adds the steps, below the last, at which the text may change.
fn collect_changes(nodes: &[Node], steps: usize, changes: &mut BTreeSet<usize>) {
    for node in nodes {
        match node {
            Node::Text(_) => {}
            Node::Change { before, after, when } => {
                let step = step_of(*when, steps);
                if step < steps {
                    changes.insert(step);
                }
                collect_changes(before, steps, changes);
                collect_changes(after, steps, changes);
            }
            Node::Turns(turns) => {
                changes.extend(0..steps);
                turns.iter().for_each(|turn| collect_changes(turn, steps, changes));
            }
        }
    }
}

/// Writes what nodes say at a step of a number of steps.
fn write_at(nodes: &[Node], (step, steps): (usize, usize), text: &mut String) {
    for node in nodes {
        match node {
            Node::Text(words) => text.push_str(words),
            Node::Change { before, after, when } => {
                let now = if step < step_of(*when, steps) { before } else { after };
                write_at(now, (step, steps), text);
            }
            Node::Turns(turns) => {
                if let Some(turn) = turns.get(step % turns.len().max(1)) {
                    write_at(turn, (step, steps), text);
                }
            }
        }
    }
}

/// A bracket that is open.
struct Open {
    bracket: char,
    /// What stands between the separators, at least one part.
    parts: Vec<Vec<Node>>,
    /// `:` or `|` between the parts.
    separators: Vec<char>,
}

impl Open {
    fn new(bracket: char) -> Self {
        Self { bracket, parts: vec![Vec::new()], separators: Vec::new() }
    }

    fn nodes(&mut self) -> Option<&mut Vec<Node>> {
        self.parts.last_mut()
    }

    fn letter(&mut self, letter: char) {
        let Some(nodes) = self.nodes() else { return };
        match nodes.last_mut() {
            Some(Node::Text(text)) => text.push(letter),
            _ => nodes.push(Node::Text(letter.to_string())),
        }
    }

    /// All that was opened, as letters and the nodes between them, with an end if it was closed.
    fn flat(self, close: Option<char>) -> Vec<Node> {
        let mut nodes = vec![Node::Text(self.bracket.to_string())];
        let mut separators = self.separators.into_iter();
        for part in self.parts {
            nodes.extend(part);
            nodes.extend(separators.next().map(|separator| Node::Text(separator.to_string())));
        }
        nodes.extend(close.map(|close| Node::Text(close.to_string())));
        nodes
    }

    /// The meaning of a pair of square brackets.
    fn squared(mut self) -> Vec<Node> {
        if !self.separators.is_empty() && self.separators.iter().all(|separator| *separator == '|') {
            return vec![Node::Turns(self.parts)];
        }
        match (self.separators.as_slice(), self.parts.last().and_then(|last| number(last))) {
            ([':'], Some(when)) => {
                let after = std::mem::take(&mut self.parts).into_iter().next().unwrap_or_default();
                vec![Node::Change { before: Vec::new(), after, when }]
            }
            ([':', ':'], Some(when)) => {
                let mut parts = std::mem::take(&mut self.parts).into_iter();
                let (before, after) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                vec![Node::Change { before, after, when }]
            }
            // Less attention, which is not a matter of steps.
            _ => self.flat(Some(']')),
        }
    }
}

/// The number that nodes say, if that is all they say.
fn number(nodes: &[Node]) -> Option<f64> {
    let [Node::Text(text)] = nodes else { return None };
    let text = text.trim();
    let digits = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | '+' | '-');
    text.chars().all(digits).then(|| text.parse().ok())?
}

/// The open brackets of a prompt, and under them what is in none.
struct Parser {
    root: Open,
    open: Vec<Open>,
}

impl Default for Parser {
    fn default() -> Self {
        Self { root: Open::new(' '), open: Vec::new() }
    }
}

impl Parser {
    fn parse(mut self, prompt: &str) -> Vec<Node> {
        let mut letters = prompt.chars();
        while let Some(letter) = letters.next() {
            match letter {
                '\\' => {
                    self.top().letter('\\');
                    if let Some(escaped) = letters.next() {
                        self.top().letter(escaped);
                    }
                }
                '(' | '[' if self.open.len() < MAX_DEPTH => self.open.push(Open::new(letter)),
                ')' => self.close_round(),
                ']' => self.close_square(),
                ':' | '|' if self.top().bracket == '[' => {
                    let top = self.top();
                    top.separators.push(letter);
                    top.parts.push(Vec::new());
                }
                other => self.top().letter(other),
            }
        }
        while let Some(unclosed) = self.open.pop() {
            self.append(unclosed.flat(None));
        }
        self.root.parts.into_iter().flatten().collect()
    }

    fn top(&mut self) -> &mut Open {
        self.open.last_mut().unwrap_or(&mut self.root)
    }

    fn append(&mut self, nodes: Vec<Node>) {
        if let Some(end) = self.top().nodes() {
            end.extend(nodes);
        }
    }

    fn close_round(&mut self) {
        match self.open.pop_if(|open| open.bracket == '(') {
            Some(open) => self.append(open.flat(Some(')'))),
            None => self.top().letter(')'),
        }
    }

    /// Closes the innermost square bracket; round ones that were left open within it are letters.
    fn close_square(&mut self) {
        if !self.open.iter().any(|open| open.bracket == '[') {
            return self.top().letter(']');
        }
        while let Some(open) = self.open.pop() {
            if open.bracket == '[' {
                return self.append(open.squared());
            }
            self.append(open.flat(None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forms(prompt: &str, steps: usize) -> Vec<(usize, String)> {
        let forms = forms_over_steps(prompt, steps).unwrap();
        forms.into_iter().map(|form| (form.first_step, form.text)).collect()
    }

    #[test]
    fn prompts_change_as_in_the_web_interface_that_the_syntax_is_from() {
        let cases: &[(&str, &[(usize, &str)])] = &[
            ("test", &[(0, "test")]),
            ("a [b:3]", &[(0, "a "), (3, "a b")]),
            ("a [b: 3]", &[(0, "a "), (3, "a b")]),
            ("a [[[b]]:2]", &[(0, "a "), (2, "a [[b]]")]),
            ("[(a:2):3]", &[(0, ""), (3, "(a:2)")]),
            ("a [b : c : 1] d", &[(0, "a b  d"), (1, "a  c  d")]),
            ("a[b:[c:d:2]:1]e", &[(0, "abe"), (1, "ace"), (2, "ade")]),
            ("a [unbalanced", &[(0, "a [unbalanced")]),
            ("a [b:.5] c", &[(0, "a  c"), (5, "a b c")]),
            ("a [b::0.2] c", &[(0, "a b c"), (2, "a  c")]),
            ("((a][:b:c [d:3]", &[(0, "((a][:b:c "), (3, "((a][:b:c d")]),
            ("a [less] of (more:1.2)", &[(0, "a [less] of (more:1.2)")]),
            ("[a:b:12]", &[(0, "a")]),
            (r"\[a:b:2\]", &[(0, r"\[a:b:2\]")]),
            ("[a:b:inf]", &[(0, "[a:b:inf]")]),
        ];
        for (prompt, wanted) in cases {
            let wanted: Vec<_> = wanted.iter().map(|(step, text)| (*step, (*text).to_owned())).collect();
            assert_eq!(forms(prompt, 10), wanted, "{prompt}");
        }
    }

    #[test]
    fn alternatives_take_turns() {
        let turns = forms("[a|(b:1.1)] c", 4);
        let texts: Vec<_> = turns.iter().map(|(_, text)| text.as_str()).collect();
        assert_eq!(texts, ["a c", "(b:1.1) c", "a c", "(b:1.1) c"]);
        assert_eq!(forms("[a|b|]", 3), [(0, "a".to_owned()), (1, "b".to_owned()), (2, String::new())]);
    }

    #[test]
    fn too_many_different_texts_are_refused() {
        let many: Vec<_> = (0..=MAX_FORMS).map(|number| number.to_string()).collect();
        let prompt = format!("[{}]", many.join("|"));
        assert!(forms_over_steps(&prompt, MAX_FORMS).is_ok());
        assert_eq!(forms_over_steps(&prompt, 1000), Err(TooManyForms));
    }

    #[test]
    fn brackets_without_end_stay_letters() {
        let deep = "[".repeat(5000) + "a" + &":0.5]".repeat(5000);
        assert!(!forms(&deep, 20).is_empty());
        let open = "([".repeat(5000);
        assert_eq!(forms(&open, 20), [(0, open.clone())]);
    }
}
