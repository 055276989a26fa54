//! Arbitrary JSON and documents from a number, for properties that hold for all of them.

use serde_json::{Map, Value, json};

/// A reproducible source of choices (SplitMix64, Steele, Lea and Flood 2014).
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.number() % bound as u64).unwrap()
    }

    fn text(&mut self) -> String {
        const LETTERS: [char; 12] = ['a', 'Z', '0', ' ', '"', '\\', '\n', '\u{1}', 'é', '漢', '😀', '/'];
        (0..self.below(6)).map(|_| LETTERS[self.below(LETTERS.len())]).collect()
    }

    fn float(&mut self) -> f64 {
        let float = f64::from_bits(self.number());
        if float.is_finite() { float } else { 0.5 }
    }

    /// A JSON value at most `depth` levels deep.
    pub(crate) fn json(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 7 } else { 10 }) {
            0 => Value::Null,
            1 => json!(self.below(2) == 0),
            2 => json!(self.number()),
            3 => json!((self.number() as i64) >> self.below(64)),
            4 => json!(self.float()),
            5 => json!(f64::from(self.number() as i32) / 8.0),
            6 => json!(self.text()),
            7 => (0..self.below(4)).map(|_| self.json(depth - 1)).collect(),
            _ => Value::Object(self.object(depth - 1)),
        }
    }

    pub(crate) fn object(&mut self, depth: usize) -> Map<String, Value> {
        (0..self.below(4)).map(|_| (self.text(), self.json(depth))).collect()
    }

    /// Members that no version of the format knows.
    fn unknown(&mut self) -> Map<String, Value> {
        (0..self.below(3)).map(|index| (format!("x-{index}{}", self.text()), self.json(2))).collect()
    }

    fn with_unknown(&mut self, known: Value) -> Value {
        let mut members = self.unknown();
        members.extend(known.as_object().unwrap().clone());
        Value::Object(members)
    }

    /// The JSON of a document with all keys of the format, and unknown ones at every level.
    pub(crate) fn document(&mut self) -> Value {
        let bricks: Vec<Value> = (0..1 + self.below(4))
            .map(|index| {
                let params = self.object(2);
                self.with_unknown(json!({"id": format!("b{index}"), "brick": "qpyt:thing", "requires": "^0.1", "params": params}))
            })
            .collect();
        let links: Vec<Value> =
            (0..self.below(4)).map(|_| self.with_unknown(json!({"from": "b0.out", "to": "b1.in"}))).collect();
        let locked = self.with_unknown(json!({"version": "0.1.0", "digest": "blake3:00ff"}));
        let lock = self
            .with_unknown(json!({"bricks": {"qpyt:thing@^0.1": locked}, "models": {"emoji": "blake3:aa"}}));
        let (name, doc) = (self.text(), self.text());
        let mut layout = self.object(2);
        layout.insert("strip".into(), json!(["b0"]));
        self.with_unknown(json!({
            "version": 1, "name": name, "doc": doc, "bricks": bricks, "links": links, "layout": layout, "lock": lock
        }))
    }
}
