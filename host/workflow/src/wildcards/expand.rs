//! The grammar: `__list__`, `{one|other}`, `{2$$one|other|third}`, and `\{` for a brace that is one.

/// Longest text, before and after.
const MAX_TEXT: usize = 32 << 10;
/// Lists and choices within each other.
const MAX_DEPTH: usize = 16;
/// Most lists and choices of a text.
const MAX_CHOICES: usize = 1000;
/// How far the end of a choice is looked for, in bytes.
const MAX_REACH: usize = 4096;
/// What stands on both sides of a list's name.
const LIST: &str = "__";
/// What stands behind a number of choices.
const SEVERAL: &str = "$$";

/// Why a text can't be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WildcardError {
    /// There is no such list.
    #[error(
        "there is no wildcard list \"{0}\"; put a file {0}.txt with one choice per line into the wildcards folder"
    )]
    NoList(String),
    /// The list has no lines.
    #[error("the wildcard list \"{0}\" is empty")]
    EmptyList(String),
    /// Lists name each other in a circle, or brackets go too deep.
    #[error("wildcards go more than {MAX_DEPTH} levels deep; does a list name itself?")]
    TooDeep,
    /// The text grows beyond bounds.
    #[error("wildcards make this text too long: at most {MAX_TEXT} bytes and {MAX_CHOICES} choices")]
    TooLong,
}

/// Numbers that follow from a seed, always the same: SplitMix64 (Steele, Lea and Flood 2014).
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u32) -> Self {
        Self(u64::from(seed))
    }

    /// A number below a bound.
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = u128::from(mixed ^ (mixed >> 31)) * bound as u128;
        (number >> 64) as usize
    }
}

/// True if a text has something to expand, or an escape.
pub(super) fn has_wildcards(text: &str) -> bool {
    text.contains(['{', '}']) || text.match_indices(LIST).nth(1).is_some()
}

/// Expands a text.
pub(super) fn expand(
    text: &str,
    lines: &mut dyn FnMut(&str) -> Option<Vec<String>>,
    chance: &mut Chance,
) -> Result<String, WildcardError> {
    if text.len() > MAX_TEXT {
        return Err(WildcardError::TooLong);
    }
    let mut expansion = Expansion { lines, chance, choices: 0, text: String::new() };
    expansion.write(text, 0)?;
    Ok(expansion.text)
}

struct Expansion<'a> {
    lines: &'a mut dyn FnMut(&str) -> Option<Vec<String>>,
    chance: &'a mut Chance,
    choices: usize,
    text: String,
}

impl Expansion<'_> {
    /// Writes a text with all that it leaves to chance settled.
    fn write(&mut self, text: &str, depth: usize) -> Result<(), WildcardError> {
        if depth > MAX_DEPTH {
            return Err(WildcardError::TooDeep);
        }
        let mut rest = text;
        while let Some(letter) = rest.chars().next() {
            if let Some(brace) = ["\\{", "\\}"].into_iter().find(|escape| rest.starts_with(escape)) {
                self.push(brace.trim_start_matches('\\'))?;
                rest = rest.strip_prefix(brace).unwrap_or_default();
            } else if let Some((choice, after)) = Choice::read(rest) {
                self.choose(&choice, depth)?;
                rest = after;
            } else if let Some((name, after)) = list_name(rest) {
                self.draw(name, depth)?;
                rest = after;
            } else {
                self.push(letter.encode_utf8(&mut [0; 4]))?;
                rest = rest.get(letter.len_utf8()..).unwrap_or_default();
            }
        }
        Ok(())
    }

    fn push(&mut self, text: &str) -> Result<(), WildcardError> {
        if self.text.len() + text.len() > MAX_TEXT {
            return Err(WildcardError::TooLong);
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Counts what is left to chance.
    fn count(&mut self) -> Result<(), WildcardError> {
        self.choices += 1;
        if self.choices > MAX_CHOICES { Err(WildcardError::TooLong) } else { Ok(()) }
    }

    fn choose(&mut self, choice: &Choice<'_>, depth: usize) -> Result<(), WildcardError> {
        self.count()?;
        let mut left = choice.options.clone();
        for place in 0..choice.number.min(left.len()) {
            let picked = left.remove(self.chance.below(left.len()));
            if place > 0 {
                self.push(", ")?;
            }
            self.write(picked, depth + 1)?;
        }
        Ok(())
    }

    fn draw(&mut self, name: &str, depth: usize) -> Result<(), WildcardError> {
        self.count()?;
        let lines = (self.lines)(name).ok_or_else(|| WildcardError::NoList(name.to_owned()))?;
        let picked = lines.get(self.chance.below(lines.len()));
        let line = picked.ok_or_else(|| WildcardError::EmptyList(name.to_owned()))?;
        self.write(line, depth + 1)
    }
}

/// A choice in braces.
struct Choice<'a> {
    /// How many of the options are taken, each once.
    number: usize,
    options: Vec<&'a str>,
}

impl<'a> Choice<'a> {
    /// The choice that a text begins with, and what is after it. Braces without a choice in them are letters.
    fn read(text: &'a str) -> Option<(Self, &'a str)> {
        let inside = text.strip_prefix('{')?;
        let (mut depth, mut start, mut options) = (0usize, 0, Vec::new());
        let mut letters = inside.char_indices().take_while(|(at, _)| *at < MAX_REACH);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => drop(letters.next()),
                '{' => depth += 1,
                '|' if depth == 0 => {
                    options.push(inside.get(start..at)?);
                    start = at + 1;
                }
                '}' if depth == 0 => {
                    options.push(inside.get(start..at)?);
                    return Some((Self::of(options)?, inside.get(at + 1..)?));
                }
                '}' => depth -= 1,
                _ => {}
            }
        }
        None
    }

    fn of(mut options: Vec<&'a str>) -> Option<Self> {
        let first = options.first_mut()?;
        let several =
            first.split_once(SEVERAL).and_then(|(number, rest)| Some((number.trim().parse().ok()?, rest)));
        if let Some((number, rest)) = several {
            *first = rest;
            return Some(Self { number, options });
        }
        (options.len() > 1).then_some(Self { number: 1, options })
    }
}

/// The name of the list that a text begins with, and what is after it.
fn list_name(text: &str) -> Option<(&str, &str)> {
    let (name, after) = text.strip_prefix(LIST)?.split_once(LIST)?;
    let named = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_' | '/' | ' ');
    let sound = !name.is_empty() && !name.starts_with([' ', '/']) && name.chars().all(named);
    sound.then_some((name, after))
}
