//! The styles brick: wraps a prompt in up to four ways of making a picture.

mod list;

use list::Style;
use qpyt_sdk::prelude::*;

/// Gives your prompt a look: up to four styles, one after the other.
#[derive(Params)]
struct Styles {
    /// They are applied from first to last.
    #[param(widget = "styles", choices = list::choices(), max_items = 4)]
    styles: Vec<String>,
}

#[derive(Inputs)]
struct Plain {
    /// What to paint.
    prompt: String,
    /// What to avoid.
    #[port(label = "Negative prompt")]
    negative: Option<String>,
}

#[derive(Outputs)]
struct Styled {
    /// What to paint, and how.
    prompt: String,
    /// What to avoid, for these styles too.
    #[port(label = "Negative prompt")]
    negative: String,
}

impl Brick for Styles {
    const ID: &'static str = "qpyt:styles";
    const LABEL: &'static str = "Styles";
    const CATEGORY: Category = Category::Input;
    type Inputs = Plain;
    type Outputs = Styled;

    fn run(self, inputs: Plain) -> Result<Styled> {
        let styles = self.styles.iter().map(|id| known(id)).collect::<Result<Vec<_>>>()?;
        Ok(Styled {
            prompt: styled_prompt(&inputs.prompt, &styles),
            negative: joined_negative(inputs.negative.as_deref().unwrap_or_default(), &styles),
        })
    }
}

fn known(id: &str) -> Result<&'static Style> {
    list::find(id).ok_or_else(|| {
        BrickError::bad_param(
            "styles",
            format!("There is no style `{id}` in this version. Choose another one."),
        )
    })
}

/// The prompt, wrapped by each style in turn. An empty prompt stays empty: there is nothing to wrap.
fn styled_prompt(prompt: &str, styles: &[&Style]) -> String {
    let prompt = prompt.trim().to_owned();
    if prompt.is_empty() {
        return prompt;
    }
    styles.iter().fold(prompt, |prompt, style| match style.prompt.split_once("{prompt}") {
        Some((before, after)) => [before, prompt.as_str(), after].concat(),
        None => prompt,
    })
}

/// What the person wants to avoid as it was written, then what the styles avoid, each thing once.
fn joined_negative(negative: &str, styles: &[&Style]) -> String {
    let negative = negative.trim().trim_end_matches(',');
    let mut seen: Vec<String> = parts(negative).map(str::to_lowercase).collect();
    let mut joined: Vec<&str> = Vec::from_iter(Some(negative).filter(|negative| !negative.is_empty()));
    for part in styles.iter().flat_map(|style| parts(style.negative)) {
        let key = part.to_lowercase();
        if !seen.contains(&key) {
            seen.push(key);
            joined.push(part);
        }
    }
    joined.join(", ")
}

fn parts(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|part| !part.is_empty())
}

qpyt_sdk::export!(Styles);

#[cfg(test)]
mod tests {
    use super::*;

    const INK: Style = Style {
        id: "ink",
        label: "Ink",
        group: "Test",
        prompt: "ink drawing of {prompt}, hatched",
        negative: "colour, blur",
    };
    const POSTER: Style = Style {
        id: "poster",
        label: "Poster",
        group: "Test",
        prompt: "{prompt} on a poster",
        negative: "Blur, text",
    };

    fn run(styles: &[&str], prompt: &str, negative: Option<&str>) -> Result<(String, String)> {
        let brick = Styles { styles: styles.iter().map(ToString::to_string).collect() };
        let inputs = Plain { prompt: prompt.to_owned(), negative: negative.map(str::to_owned) };
        brick.run(inputs).map(|styled| (styled.prompt, styled.negative))
    }

    #[test]
    fn it_describes_itself_well() {
        assert_eq!(qpyt_sdk::check::problems::<Styles>(), Vec::<String>::new());
    }

    #[test]
    fn styles_wrap_the_prompt_in_their_order() {
        assert_eq!(styled_prompt(" a fox ", &[&INK, &POSTER]), "ink drawing of a fox, hatched on a poster");
        assert_eq!(styled_prompt("a fox", &[&POSTER, &INK]), "ink drawing of a fox on a poster, hatched");
    }

    #[test]
    fn braces_in_the_prompt_are_the_persons_own() {
        assert_eq!(
            styled_prompt("a {prompt} sign", &[&POSTER, &INK]),
            "ink drawing of a {prompt} sign on a poster, hatched"
        );
    }

    #[test]
    fn an_empty_prompt_stays_empty() {
        assert_eq!(styled_prompt("  ", &[&INK]), "");
    }

    #[test]
    fn what_is_to_be_avoided_is_named_once() {
        assert_eq!(joined_negative("people, BLUR,", &[&INK, &POSTER]), "people, BLUR, colour, text");
        assert_eq!(joined_negative("", &[&INK, &POSTER]), "colour, blur, text");
        assert_eq!(joined_negative(" , ", &[]), "");
    }

    #[test]
    fn without_styles_both_texts_pass() {
        assert_eq!(
            run(&[], "a fox", Some("(blur:1.2), people")).unwrap(),
            ("a fox".into(), "(blur:1.2), people".into())
        );
        assert_eq!(run(&[], "a fox", None).unwrap(), ("a fox".into(), String::new()));
    }

    #[test]
    fn a_style_of_the_list_is_applied() {
        let (prompt, negative) = run(&["oil-painting"], "a fox", None).unwrap();
        assert!(prompt.starts_with("oil painting of a fox,"), "{prompt}");
        assert!(negative.contains("photograph"), "{negative}");
    }

    #[test]
    fn an_unknown_style_is_named() {
        let error = run(&["no-such-style"], "a fox", None).unwrap_err();
        assert!(
            matches!(&error, BrickError::BadParam(problem) if problem.name == "styles" && problem.problem.contains("`no-such-style`")),
            "{error:?}"
        );
    }
}
