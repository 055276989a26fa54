//! A block in which image and text have weights of their own and meet in one attention (Esser et al., arXiv
//! 2403.03206).

use candle_core::{Result, Tensor};

use super::stream::{Stream, StreamNames, StreamOptions};
use super::{Angles, FeedForward, Gating, Heads, Modulation};
use crate::tensor::{Attention, attention};
use crate::weights::{Loaded, Weights};

/// How a joint block is built.
#[derive(Clone, Copy)]
pub(in crate::diffusion) struct JointShape {
    pub(in crate::diffusion) heads: Heads,
    /// Width inside the feed-forward maps.
    pub(in crate::diffusion) inner: usize,
    pub(in crate::diffusion) gating: Gating,
    /// True if the attention's maps have biases.
    pub(in crate::diffusion) biased: bool,
    /// True if queries and keys are normalised per head.
    pub(in crate::diffusion) normalised: bool,
    /// True if the text ends in this block.
    pub(in crate::diffusion) text_ends: bool,
    /// True if the image attends to itself once more.
    pub(in crate::diffusion) twice: bool,
}

/// Modulations of a joint block.
pub(in crate::diffusion) struct JointModulation<'a> {
    /// Around the attention of the image, and its feed-forward maps.
    pub(in crate::diffusion) image: [&'a Modulation; 2],
    /// Around the attention of the image to itself.
    pub(in crate::diffusion) image_again: Option<&'a Modulation>,
    /// Around the attention of the text.
    pub(in crate::diffusion) text: &'a Modulation,
    /// Around the feed-forward maps of the text; none where the text ends.
    pub(in crate::diffusion) text_feed_forward: Option<&'a Modulation>,
}

/// The block's weights.
pub(in crate::diffusion) struct JointBlock {
    image: Stream,
    text: Stream,
    again: Option<Stream>,
    feed_forward: FeedForward,
    text_feed_forward: Option<FeedForward>,
    attention: Attention,
}

impl JointBlock {
    /// Loads by the names of diffusers.
    pub(in crate::diffusion) fn load(weights: &Weights, shape: JointShape) -> Loaded<Self> {
        let JointShape { heads, inner, gating, biased, normalised, text_ends, twice } = shape;
        let options = StreamOptions { biased, normalised, last: false };
        let maps = weights.sub("attn");
        let feed_forward = |name| FeedForward::load(&weights.sub(name), heads.total(), inner, gating);
        let again = twice.then(|| Stream::load(&weights.sub("attn2"), StreamNames::IMAGE, heads, options));
        let text_options = StreamOptions { last: text_ends, ..options };
        let image = Stream::load(&maps, StreamNames::IMAGE, heads, options)?;
        let attention = Attention { operands: image.operand(), ..Attention::full(heads.count) };
        Ok(Self {
            image,
            text: Stream::load(&maps, StreamNames::TEXT, heads, text_options)?,
            again: again.transpose()?,
            feed_forward: feed_forward("ff")?,
            text_feed_forward: (!text_ends).then(|| feed_forward("ff_context")).transpose()?,
            attention,
        })
    }

    /// Takes image and text (1, tokens, width) through the block. The angles are those of the text's places, then
    /// the image's.
    pub(in crate::diffusion) fn forward(
        &self,
        image: &Tensor,
        text: &Tensor,
        by: &JointModulation<'_>,
        angles: Option<&Angles>,
    ) -> Result<(Tensor, Tensor)> {
        let [attended_by, fed_by] = by.image;
        let text_parts = self.text.project(&by.text.norm(text)?)?;
        let image_parts = self.image.project(&attended_by.norm(image)?)?;
        let [q, k, v] = joined(&text_parts, &image_parts)?;
        let (q, k) = match angles {
            Some(angles) => (angles.turn(&q)?, angles.turn(&k)?),
            None => (q, k),
        };
        let attended = attention(&q, &k, &v, self.attention)?;
        let (words, tokens) = (text.dim(1)?, image.dim(1)?);

        let mut next = image.clone();
        if let Some(out) = self.image.project_out(&attended.narrow(1, words, tokens)?)? {
            next = attended_by.add(&next, &out)?;
        }
        if let (Some(again), Some(by)) = (&self.again, by.image_again) {
            let [q, k, v] = again.project(&by.norm(image)?)?;
            if let Some(out) = again.project_out(&attention(&q, &k, &v, self.attention)?)? {
                next = by.add(&next, &out)?;
            }
        }
        next = fed_by.add(&next, &self.feed_forward.forward(&fed_by.norm(&next)?)?)?;

        let mut next_text = text.clone();
        if let Some(out) = self.text.project_out(&attended.narrow(1, 0, words)?)? {
            next_text = by.text.add(&next_text, &out)?;
        }
        if let (Some(feed_forward), Some(by)) = (&self.text_feed_forward, by.text_feed_forward) {
            next_text = by.add(&next_text, &feed_forward.forward(&by.norm(&next_text)?)?)?;
        }
        Ok((next, next_text))
    }
}

/// Queries, keys and values of the text before those of the image.
fn joined(text: &[Tensor; 3], image: &[Tensor; 3]) -> Result<[Tensor; 3]> {
    let [tq, tk, tv] = text;
    let [q, k, v] = image;
    Ok([Tensor::cat(&[tq, q], 1)?, Tensor::cat(&[tk, k], 1)?, Tensor::cat(&[tv, v], 1)?])
}
