//! Samples and the table that is made of them.

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// The rows, in the order they were measured.
#[derive(Default)]
pub struct Table(Vec<[String; 7]>);

/// How long each iteration took.
#[derive(Default)]
pub struct Samples(Vec<Duration>);

impl Samples {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    pub fn add(&mut self, sample: Duration) {
        self.0.push(sample);
    }

    /// Times `work` once.
    pub async fn time<T>(&mut self, work: impl Future<Output = T>) -> T {
        let start = Instant::now();
        let result = work.await;
        self.0.push(start.elapsed());
        result
    }

    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }

    /// What the work takes where nothing else is at work.
    pub fn fastest(&self) -> Duration {
        self.quantile(0.0)
    }

    pub fn p95(&self) -> Duration {
        self.quantile(0.95)
    }

    fn quantile(&self, share: f64) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort();
        sorted[((sorted.len() - 1) as f64 * share) as usize]
    }

    /// Each sample shared by `count` equal parts of it.
    pub fn per(&self, count: u32) -> Self {
        Self(self.0.iter().map(|sample| *sample / count).collect())
    }
}

impl Table {
    /// A row with a twin. `holds` says whether the budget does.
    pub fn twins(&mut self, what: &str, ours: &Samples, bare: &Samples, budget: &str, holds: Option<bool>) {
        let ratio = ours.median().as_secs_f64() / bare.median().as_secs_f64();
        self.row(
            what,
            [time(ours.median()), time(ours.p95()), time(bare.median()), format!("{ratio:.2}")],
            budget,
            holds,
        );
    }

    /// A row that has no twin.
    pub fn alone(&mut self, what: &str, ours: &Samples, budget: &str, holds: Option<bool>) {
        self.row(what, [time(ours.median()), time(ours.p95()), dash(), dash()], budget, holds);
    }

    /// A row that is a count and not a time.
    pub fn count(&mut self, what: &str, count: &str, budget: &str, holds: Option<bool>) {
        self.row(what, [count.to_owned(), dash(), dash(), dash()], budget, holds);
    }

    fn row(&mut self, what: &str, cells: [String; 4], budget: &str, holds: Option<bool>) {
        let [median, p95, bare, ratio] = cells;
        let verdict = holds.map_or("", |holds| if holds { "ok" } else { "over" });
        eprintln!("{what}: {median} (p95 {p95}), bare {bare}, ratio {ratio}; {budget} {verdict}");
        self.0.push([what.to_owned(), median, p95, bare, ratio, budget.to_owned(), verdict.to_owned()]);
    }

    /// Prints all rows as Markdown.
    pub fn print(&self) {
        println!("| what | ours, median | p95 | bare, median | ratio | budget | |");
        println!("| --- | ---: | ---: | ---: | ---: | --- | --- |");
        for row in &self.0 {
            println!("| {} |", row.join(" | "));
        }
    }
}

fn dash() -> String {
    "–".to_owned()
}

/// With three or four digits and the unit that goes with them.
pub fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        micros if micros < 1.0 => format!("{:.0} ns", micros * 1e3),
        micros if micros < 1e3 => format!("{micros:.1} µs"),
        micros if micros < 1e6 => format!("{:.2} ms", micros / 1e3),
        micros => format!("{:.2} s", micros / 1e6),
    }
}
