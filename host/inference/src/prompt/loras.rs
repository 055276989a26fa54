//! Adapters that a prompt names, as in `<lora:pixel art:0.8>`.

/// The marks that name an adapter.
const MARKS: [&str; 2] = ["<lora:", "<lyco:"];
/// The weight of an adapter that is named without one.
const USUAL_WEIGHT: f32 = 1.0;

/// An adapter that a prompt asks for.
#[derive(Debug, Clone, PartialEq)]
pub struct LoraMention {
    /// Its name, as written.
    pub name: String,
    /// How much of its change; finite.
    pub weight: f32,
}

/// The prompt without the adapters that it names, and these in their order. `<lora:name>`, `<lora:name:0.8>` and
/// `<lora:name:0.8:0.6>`, whose second number is the weight in the network that paints; it counts, because one weight
/// goes for all layers here. What is not closed stays as it is.
pub fn take_loras(prompt: &str) -> (String, Vec<LoraMention>) {
    let (mut text, mut found, mut rest) = (String::new(), Vec::new(), prompt);
    while let Some((before, inside, after)) = next_mention(rest) {
        text.push_str(before);
        found.extend(mention(inside));
        rest = after;
    }
    text.push_str(rest);
    (text, found)
}

/// What is before the first mention, in it, and after it.
fn next_mention(text: &str) -> Option<(&str, &str, &str)> {
    let (start, mark) = MARKS.iter().filter_map(|mark| Some((text.find(mark)?, mark))).min()?;
    let (before, rest) = text.split_at_checked(start)?;
    let (inside, after) = rest.strip_prefix(*mark)?.split_once('>')?;
    Some((before, inside, after))
}

/// The mention of a name with weights behind it; none without a name.
fn mention(inside: &str) -> Option<LoraMention> {
    let mut parts = inside.split(':');
    let name = parts.next()?.trim();
    let weights = parts.filter_map(|part| part.trim().trim_start_matches("unet=").parse::<f32>().ok());
    let weight = weights.filter(|weight| weight.is_finite()).take(2).last().unwrap_or(USUAL_WEIGHT);
    (!name.is_empty()).then(|| LoraMention { name: name.to_owned(), weight })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(prompt: &str) -> (String, Vec<(String, f32)>) {
        let (text, loras) = take_loras(prompt);
        (text, loras.into_iter().map(|lora| (lora.name, lora.weight)).collect())
    }

    #[test]
    fn adapters_are_taken_out_of_the_text_with_their_weights() {
        let (text, loras) = taken("a fox <lora:pixel art:0.8>, snow<lora:ink>");
        assert_eq!(text, "a fox , snow");
        assert_eq!(loras, [("pixel art".to_owned(), 0.8), ("ink".to_owned(), 1.0)]);
        assert_eq!(taken("<lora:x:-0.5>").1, [("x".to_owned(), -0.5)]);
        assert_eq!(taken("<lyco:x:0.5:0.25:dyn=3>").1, [("x".to_owned(), 0.25)]);
    }

    #[test]
    fn what_is_no_adapter_stays() {
        for prompt in ["a <cat-toy>", "1 < 2 and 3 > 2", "<lora:open", "<lora", "é<lora:", "", "<LORA:x>"] {
            assert_eq!(taken(prompt), (prompt.to_owned(), Vec::new()));
        }
        assert_eq!(taken("a <lora::1> b"), ("a  b".to_owned(), Vec::new()));
        assert_eq!(taken("<lora:x:inf>").1, [("x".to_owned(), 1.0)]);
    }
}
