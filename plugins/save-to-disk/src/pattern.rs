//! File name patterns: text with tokens such as `{date}` that every picture fills in for itself.

use qpyt_sdk::JsonObject;
use qpyt_sdk::job::clock::Moment;
use qpyt_sdk::serde_json::Value;

/// Longest prompt in a file name, in characters.
const PROMPT_LENGTH: usize = 60;

/// What a token stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Date,
    Time,
    Seed,
    Model,
    Uuid,
    Prompt,
}

/// The tokens and their names, in the order they are listed to the person.
const TOKENS: [(&str, Token); 6] = [
    ("date", Token::Date),
    ("time", Token::Time),
    ("seed", Token::Seed),
    ("model", Token::Model),
    ("uuid", Token::Uuid),
    ("prompt", Token::Prompt),
];

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Token(Token),
}

/// A pattern that was read and can be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pattern(Vec<Part>);

/// What is known of one picture.
pub(crate) struct Facts<'a> {
    /// When the run looked at the clock.
    pub(crate) now: Moment,
    /// How the picture was made.
    pub(crate) info: &'a JsonObject,
    /// A name that no other picture has.
    pub(crate) uuid: String,
}

impl Pattern {
    /// Reads a pattern, or says what is wrong with it and what to do.
    pub(crate) fn parse(pattern: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = pattern.trim();
        if rest.is_empty() {
            return Err(format!("The file name is empty. Try `{{date}}_{{time}}`. {}", known_tokens()));
        }
        while let Some((text, behind)) = rest.split_once('{') {
            let Some((name, after)) = behind.split_once('}') else {
                return Err(format!("`{{{behind}` is never closed. Add a `}}`, or remove the `{{`."));
            };
            let token = TOKENS.iter().find(|(known, _)| *known == name).map(|(_, token)| *token);
            let token = token.ok_or_else(|| format!("`{{{name}}}` is not known. {}", known_tokens()))?;
            parts.extend([Part::Text(text.to_owned()), Part::Token(token)]);
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    /// The name of one picture, not yet fit to be a file name.
    pub(crate) fn fill(&self, facts: &Facts) -> String {
        let filled = self.0.iter().map(|part| match part {
            Part::Text(text) => text.clone(),
            Part::Token(token) => value(*token, facts),
        });
        filled.collect()
    }
}

fn known_tokens() -> String {
    let known: Vec<String> = TOKENS.iter().map(|(name, _)| format!("{{{name}}}")).collect();
    format!("You can use {}.", known.join(" "))
}

fn value(token: Token, Facts { now, info, uuid }: &Facts) -> String {
    match token {
        Token::Date => format!("{:04}-{:02}-{:02}", now.year, now.month, now.day),
        Token::Time => format!("{:02}-{:02}-{:02}", now.hour, now.minute, now.second),
        Token::Seed => {
            info.get("seed").and_then(Value::as_u64).map_or("no-seed".to_owned(), |seed| seed.to_string())
        }
        Token::Model => text(info, "model").unwrap_or("no-model").to_owned(),
        Token::Uuid => uuid.clone(),
        Token::Prompt => match slug(text(info, "prompt").unwrap_or_default()) {
            slug if slug.is_empty() => "no-prompt".to_owned(),
            slug => slug,
        },
    }
}

fn text<'a>(info: &'a JsonObject, key: &str) -> Option<&'a str> {
    info.get(key).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The words of a text in lower case, joined by `-`, as many as fit.
fn slug(text: &str) -> String {
    let lower = text.to_lowercase();
    let mut slug = String::new();
    let mut room = PROMPT_LENGTH;
    for word in lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        let needed = word.chars().count() + usize::from(!slug.is_empty());
        if needed > room {
            if slug.is_empty() {
                slug = word.chars().take(room).collect();
            }
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
        room -= needed;
    }
    slug
}

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_sdk::serde_json::json;

    const NOW: Moment = Moment { year: 2026, month: 11, day: 23, hour: 14, minute: 3, second: 59 };

    fn filled(pattern: &str, info: Value) -> String {
        let info = info.as_object().unwrap().clone();
        let facts = Facts { now: NOW, info: &info, uuid: "the-uuid".to_owned() };
        Pattern::parse(pattern).unwrap().fill(&facts)
    }

    #[test]
    fn tokens_are_filled_in() {
        let info = json!({"seed": 7, "model": "emoji", "prompt": "A red fox, (running:1.2)!"});
        assert_eq!(filled("{date}_{time}_{seed}", info.clone()), "2026-11-23_14-03-59_7");
        assert_eq!(filled("{model} {prompt}-{uuid}", info), "emoji a-red-fox-running-1-2-the-uuid");
    }

    #[test]
    fn what_is_not_known_of_a_picture_is_said() {
        assert_eq!(
            filled("{seed} {model} {prompt}", json!({"model": "", "prompt": "?!"})),
            "no-seed no-model no-prompt"
        );
    }

    #[test]
    fn text_around_tokens_stays() {
        assert_eq!(filled(" my fox } ", json!({})), "my fox }");
        assert_eq!(filled("a{seed}b", json!({"seed": 4_294_967_295_u32})), "a4294967295b");
    }

    #[test]
    fn an_unknown_token_is_named_with_those_that_exist() {
        assert_eq!(
            Pattern::parse("{date}_{sed}").unwrap_err(),
            "`{sed}` is not known. You can use {date} {time} {seed} {model} {uuid} {prompt}."
        );
    }

    #[test]
    fn a_token_that_is_never_closed_is_shown() {
        assert!(Pattern::parse("fox {date").unwrap_err().contains("`{date` is never closed"));
    }

    #[test]
    fn an_empty_pattern_is_answered_with_an_example() {
        assert!(Pattern::parse("  ").unwrap_err().contains("Try `{date}_{time}`"));
    }

    #[test]
    fn a_long_prompt_ends_after_a_whole_word() {
        let long = slug(&"lantern ".repeat(20));
        assert_eq!(long, "lantern-lantern-lantern-lantern-lantern-lantern-lantern");
        assert!(long.chars().count() <= PROMPT_LENGTH);
        assert_eq!(slug(&"x".repeat(100)).chars().count(), PROMPT_LENGTH);
    }

    #[test]
    fn prompts_in_any_script_make_a_name() {
        assert_eq!(slug("Ein Füchschen im Schnee"), "ein-füchschen-im-schnee");
        assert_eq!(slug("雪の中の狐"), "雪の中の狐");
    }
}
