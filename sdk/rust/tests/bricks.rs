//! A component with two bricks, as an author writes it: what it says about itself and how it answers.

use qpyt_sdk::bindings::qpyt::brick::types::{NamedValue, Value};
use qpyt_sdk::prelude::*;
use qpyt_sdk::{brick, check};

/// Says a text louder.
#[derive(Params)]
struct Shout {
    /// How many exclamation marks to add.
    #[param(default = 1, max = 10)]
    marks: u32,
}

#[derive(Inputs)]
struct Quiet {
    /// The text to say louder.
    text: String,
}

#[derive(Outputs)]
struct Loud {
    /// The same text, louder.
    text: String,
}

impl Brick for Shout {
    const ID: &'static str = "test:shout";
    const LABEL: &'static str = "Shout";
    const CATEGORY: Category = Category::Input;
    type Inputs = Quiet;
    type Outputs = Loud;

    fn run(self, inputs: Quiet) -> Result<Loud> {
        if inputs.text.is_empty() {
            return Err(BrickError::bad_input("text", "There is nothing to say."));
        }
        let marks = (0..self.marks).map(|_| '!');
        Ok(Loud { text: inputs.text.to_uppercase().chars().chain(marks).collect() })
    }
}

#[derive(Params)]
struct Careless {
    #[param(default = "c", choices = [("a", "A")])]
    choice: String,
    #[param(flatten)]
    again: Again,
    #[param(default = 9, max = 3)]
    count: u32,
}

#[derive(Params)]
struct Again {
    count: u32,
}

#[derive(Inputs)]
struct Unexplained {
    _odd: Option<String>,
}

impl Brick for Careless {
    const ID: &'static str = "Careless";
    const LABEL: &'static str = "";
    const CATEGORY: Category = Category::Setting;
    type Inputs = Unexplained;
    type Outputs = ();

    fn run(self, _: Unexplained) -> Result<()> {
        Err(BrickError::other(format!("{} {}", self.count + self.again.count, self.choice)))
    }
}

qpyt_sdk::export!(Shout, Careless);

fn text(text: &str) -> Vec<NamedValue> {
    vec![NamedValue { port: "text".to_owned(), value: Value::Text(text.to_owned()) }]
}

#[test]
fn a_brick_describes_itself() {
    let info = brick::describe::<Shout>("1.2.3");
    assert_eq!(
        (info.id.as_str(), info.version.as_str(), info.label.as_str()),
        ("test:shout", "1.2.3", "Shout")
    );
    assert_eq!((info.category, info.doc.as_str()), (Category::Input, "Says a text louder."));
    assert_eq!((info.inputs.len(), info.outputs.len()), (1, 1));
    assert!(info.params_schema.contains(r#""marks""#));
}

#[test]
fn a_run_reads_parameters_and_inputs_and_gives_outputs() {
    let given = brick::run::<Shout>(text("fox"), r#"{"marks": 3}"#).unwrap();
    assert!(
        matches!(given.as_slice(), [NamedValue { port, value: Value::Text(said) }] if port == "text" && said == "FOX!!!")
    );
}

#[test]
fn the_error_of_a_brick_is_passed_on() {
    let error = brick::run::<Shout>(text(""), "{}").unwrap_err();
    assert!(matches!(error, BrickError::BadInput(problem) if problem.problem == "There is nothing to say."));
}

#[test]
fn parameters_that_are_no_json_object_are_refused() {
    for params in ["", "[]", "null", "{"] {
        let error = brick::run::<Shout>(text("fox"), params).unwrap_err();
        assert!(
            matches!(&error, BrickError::Other(message) if message.contains("not a JSON object")),
            "{params}: {error:?}"
        );
    }
}

#[test]
fn a_brick_that_the_component_does_not_hold_is_named() {
    assert!(
        matches!(brick::unknown("test:other"), BrickError::Other(message) if message.contains("`test:other`"))
    );
}

#[test]
fn a_good_description_passes_the_check() {
    assert_eq!(check::problems::<Shout>(), Vec::<String>::new());
}

#[test]
fn the_check_finds_what_the_studio_or_a_person_would_stumble_over() {
    let problems = check::problems::<Careless>();
    let expected = [
        "id `Careless`: it should be `namespace:name`, both lower-case words joined by `-`",
        "the label is empty",
        "the struct has no doc comment to tell the person what the brick does",
        "input `-odd`: it should be lower-case words joined by `-`",
        "input `-odd`: it has no doc comment to explain it",
        r#"parameter `choice`: its default "c" is not allowed"#,
        "parameter `count`: its default 9 is not allowed",
        "parameter `count`: there are two of it",
    ];
    assert_eq!(problems, expected);
}
