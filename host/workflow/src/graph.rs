//! The document as a graph of brick instances: who feeds whom, what a target needs, in which order to run, and which
//! circles there are.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, HashMap};

use crate::document::{BrickNode, Document};
use crate::names::NodeId;

/// The brick instances by their place in the document, with the links between those that exist. Of two instances with
/// one id the first stands for both.
pub(crate) struct Graph<'a> {
    nodes: &'a [BrickNode],
    places: HashMap<&'a NodeId, usize>,
    /// By place: the places that feed it.
    feeds: Vec<BTreeSet<usize>>,
}

impl<'a> Graph<'a> {
    pub(crate) fn of(document: &'a Document) -> Self {
        let mut places = HashMap::new();
        for (place, node) in document.bricks.iter().enumerate() {
            places.entry(&node.id).or_insert(place);
        }
        let mut feeds = vec![BTreeSet::new(); document.bricks.len()];
        for link in &document.links {
            if let (Some(&from), Some(&to)) = (places.get(&link.from.node), places.get(&link.to.node))
                && let Some(sources) = feeds.get_mut(to)
            {
                sources.insert(from);
            }
        }
        Self { nodes: &document.bricks, places, feeds }
    }

    /// The place of a brick instance.
    pub(crate) fn place(&self, id: &NodeId) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// All places.
    pub(crate) fn all(&self) -> BTreeSet<usize> {
        (0..self.nodes.len()).collect()
    }

    /// These places and all that feed them, directly or not.
    pub(crate) fn needed(&self, targets: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut needed = BTreeSet::new();
        let mut open: Vec<usize> = targets.into_iter().collect();
        while let Some(place) = open.pop() {
            if needed.insert(place) {
                open.extend(self.sources(place));
            }
        }
        needed
    }

    /// The places of `part` so that each comes after all that feed it, in document order where that leaves a choice.
    /// Those in or behind a circle are left out.
    pub(crate) fn order(&self, part: &BTreeSet<usize>) -> Vec<usize> {
        let mut waits_for: HashMap<usize, usize> = HashMap::new();
        let mut feeds_into: HashMap<usize, Vec<usize>> = HashMap::new();
        for &place in part {
            let sources: Vec<usize> = self.sources(place).filter(|source| part.contains(source)).collect();
            waits_for.insert(place, sources.len());
            for source in sources {
                feeds_into.entry(source).or_default().push(place);
            }
        }
        let mut ready: BinaryHeap<Reverse<usize>> =
            waits_for.iter().filter(|(_, count)| **count == 0).map(|(place, _)| Reverse(*place)).collect();
        let mut order = Vec::with_capacity(part.len());
        while let Some(Reverse(place)) = ready.pop() {
            order.push(place);
            for &next in feeds_into.get(&place).into_iter().flatten() {
                if let Some(count) = waits_for.get_mut(&next) {
                    *count -= 1;
                    if *count == 0 {
                        ready.push(Reverse(next));
                    }
                }
            }
        }
        order
    }

    /// Circles in `part` that have no brick in common, each in the direction of flow, beginning at the instance that
    /// comes first in the document.
    pub(crate) fn cycles(&self, part: &BTreeSet<usize>) -> Vec<Vec<&'a NodeId>> {
        let mut part = part.clone();
        let mut cycles = Vec::new();
        loop {
            for place in self.order(&part) {
                part.remove(&place);
            }
            let Some(cycle) = self.one_cycle(&part) else { return cycles };
            for place in &cycle {
                part.remove(place);
            }
            cycles
                .push(cycle.iter().filter_map(|place| self.nodes.get(*place)).map(|node| &node.id).collect());
        }
    }

    /// A circle in a part where every place has a source: walking upstream must meet a place twice.
    fn one_cycle(&self, stuck: &BTreeSet<usize>) -> Option<Vec<usize>> {
        let mut walk = vec![*stuck.first()?];
        loop {
            let source = self.sources(*walk.last()?).find(|source| stuck.contains(source))?;
            if let Some(start) = walk.iter().position(|place| *place == source) {
                let mut cycle: Vec<usize> = walk.split_off(start).into_iter().rev().collect();
                let first =
                    cycle.iter().enumerate().min_by_key(|(_, place)| **place).map_or(0, |(index, _)| index);
                cycle.rotate_left(first);
                return Some(cycle);
            }
            walk.push(source);
        }
    }

    fn sources(&self, place: usize) -> impl Iterator<Item = usize> {
        self.feeds.get(place).into_iter().flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Link;

    fn document(nodes: &str, links: &[&str]) -> Document {
        let mut document = Document::new("Graph");
        for id in nodes.split(' ') {
            document.bricks.push(BrickNode::new(id.parse().unwrap(), "qpyt:any".parse().unwrap()));
        }
        for link in links {
            let (from, to) = link.split_once('>').unwrap();
            document
                .links
                .push(Link::new(format!("{from}.o").parse().unwrap(), format!("{to}.i").parse().unwrap()));
        }
        document
    }

    fn order(document: &Document) -> String {
        let graph = Graph::of(document);
        graph.order(&graph.all()).iter().map(|place| document.bricks[*place].id.as_str()).collect()
    }

    fn cycles(document: &Document) -> Vec<String> {
        let graph = Graph::of(document);
        graph.cycles(&graph.all()).iter().map(|cycle| cycle.iter().map(|id| id.as_str()).collect()).collect()
    }

    #[test]
    fn each_brick_comes_after_what_feeds_it_and_otherwise_in_document_order() {
        assert_eq!(order(&document("d c b a", &[])), "dcba");
        assert_eq!(order(&document("a b c d", &["d>a", "c>d"])), "bcda");
        assert_eq!(order(&document("a b c", &["a>c", "a>c", "b>c"])), "abc");
    }

    #[test]
    fn a_target_needs_only_what_feeds_it() {
        let document = document("a b c d e", &["a>b", "b>c", "d>e"]);
        let graph = Graph::of(&document);
        assert_eq!(graph.needed([1]).into_iter().collect::<Vec<_>>(), [0, 1]);
        assert_eq!(graph.needed([2, 4]).len(), 5);
    }

    #[test]
    fn every_separate_circle_is_found_and_named_in_the_direction_of_flow() {
        assert_eq!(cycles(&document("a b c", &["a>b", "b>c"])), Vec::<String>::new());
        assert_eq!(cycles(&document("x a b c y", &["x>a", "a>b", "b>c", "c>a", "c>y"])), ["abc"]);
        assert_eq!(cycles(&document("a b c d", &["a>b", "b>a", "c>d", "d>c"])), ["ab", "cd"]);
        assert_eq!(cycles(&document("a", &["a>a"])), ["a"]);
    }

    #[test]
    fn what_stands_in_or_behind_a_circle_has_no_place_in_the_order() {
        assert_eq!(order(&document("a b c d", &["a>b", "b>a", "b>c"])), "d");
    }
}
