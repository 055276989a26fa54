//! What the fake models paint: a picture that follows from the request and shows which request it was.

use qpyt_bricks::capability::{JobError, Painting, Start, TextRequest, Upscaling};
use qpyt_bricks::media::{Filter, Image, MediaError, PixelFormat};

/// Longest side of a painted picture, in pixels.
const MAX_SIDE: u32 = 4096;
/// Side of the squares in the blue channel, in pixels.
const SQUARE: u32 = 8;
/// Squares in a row before the bytes of the digest go on in the next one.
const SQUARES: u32 = 8;

/// Paints from noise, as it were. rgb8, with `x` and `y` counted from 0 and `d` the 32 bytes of the BLAKE3 digest over
/// the request as JSON:
///
/// - red is `x * 255 / max(width - 1, 1)`, a gradient from left to right;
/// - green is `y * 255 / max(height - 1, 1)`, a gradient from top to bottom;
/// - blue is `d[(x / 8 % 8 + y / 8 * 8) % 32]`, squares of 8 by 8 pixels that differ from request to request.
///
/// # Errors
/// For sides that no model would paint.
pub fn paint(request: &TextRequest) -> Result<Image, JobError> {
    let (width, height) = (request.width, request.height);
    for (name, side) in [("width", width), ("height", height)] {
        if side == 0 || side > MAX_SIDE {
            return Err(JobError::BadArgument(format!("{name} must be 1..{MAX_SIDE}, but is {side}")));
        }
    }
    let json = serde_json::to_vec(request).map_err(|error| JobError::Other(error.to_string()))?;
    let digest = blake3::hash(&json);
    let ramp = |at: u32, side: u32| u8::try_from(at * 255 / (side - 1).max(1)).unwrap_or(u8::MAX);
    let square = |x: u32, y: u32| {
        let index = (x / SQUARE % SQUARES + y / SQUARE * SQUARES) % 32;
        digest.as_bytes().get(index as usize).copied().unwrap_or_default()
    };
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = rows.flat_map(|(x, y)| [ramp(x, width), ramp(y, height), square(x, y)]).collect();
    Image::new(PixelFormat::Rgb8, width, height, pixels).map_err(other)
}

/// Paints what was asked for: the request's own picture, laid over the source as opaque as the strength and, where there
/// is a mask, in its white part only. What guides it changes nothing that is seen.
///
/// # Errors
/// For sides that no model would paint, numbers outside their ranges, and masks with colours.
pub(super) fn paint_all(painting: &Painting) -> Result<Image, JobError> {
    let Painting { request, start, guides } = painting;
    let weights = guides.adapters.iter().map(|it| ("an adapter's weight", it.weight, -4.0..=4.0));
    let controls = guides.controls.iter().flat_map(|it| {
        [
            ("a control's weight", it.weight, 0.0..=2.0),
            ("a control's begin", it.begin, 0.0..=1.0),
            ("a control's end", it.end, it.begin..=1.0),
        ]
    });
    for (name, value, range) in weights.chain(controls) {
        within(name, value, &range)?;
    }
    let over = paint(request)?;
    let size = (request.width, request.height);
    match start {
        Start::Noise => Ok(over),
        Start::Repainting { source, strength } => lay(source, size, &over, *strength, None),
        Start::Inpainting { source, mask, strength } => {
            let (width, height) = size;
            let mask = mask
                .convert(PixelFormat::Luma8)
                .and_then(|mask| mask.resize(width, height, Filter::Nearest))
                .map_err(other)?;
            lay(source, size, &over, *strength, Some(&mask))
        }
    }
}

fn lay(
    source: &Image,
    (width, height): (u32, u32),
    over: &Image,
    strength: f32,
    mask: Option<&Image>,
) -> Result<Image, JobError> {
    within("strength", strength, &(0.0..=1.0))?;
    source
        .convert(PixelFormat::Rgb8)
        .and_then(|source| source.resize(width, height, Filter::Bilinear))
        .and_then(|source| source.blend(over, strength, mask))
        .map_err(other)
}

fn within(name: &str, value: f32, range: &std::ops::RangeInclusive<f32>) -> Result<(), JobError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (low, high) = (range.start(), range.end());
    Err(JobError::BadArgument(format!("{name} must be {low}..{high}, but is {value}")))
}

/// What stands out, as it were: a white disc in the middle, half as wide as the shorter side.
///
/// # Errors
/// For a picture without pixels.
pub(super) fn disc(source: &Image) -> Result<Image, JobError> {
    let (width, height) = (i64::from(source.width()), i64::from(source.height()));
    let radius = width.min(height);
    // In quarters of a pixel, so that the middle and the radius are whole numbers.
    let inside = |x: i64, y: i64| {
        let (x, y) = (4 * x + 2 - 2 * width, 4 * y + 2 - 2 * height);
        x * x + y * y <= radius * radius
    };
    let rows = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let pixels = rows.map(|(x, y)| if inside(x, y) { u8::MAX } else { 0 }).collect();
    Image::new(PixelFormat::Luma8, source.width(), source.height(), pixels).map_err(other)
}

/// How near things are, as it were: the foot of the picture is near and its top is far.
///
/// # Errors
/// For a picture without pixels.
pub(super) fn depth(source: &Image) -> Result<Image, JobError> {
    let (width, height) = (source.width(), source.height());
    let near = |y: u32| y as f32 / (height - 1).max(1) as f32;
    let rows = (0..height).flat_map(|y| (0..width).map(move |_| y));
    let pixels = rows.flat_map(|y| near(y).to_le_bytes()).collect();
    Image::new(PixelFormat::Luma32f, width, height, pixels).map_err(other)
}

/// The source with larger pixels.
///
/// # Errors
/// For a picture that would have too many.
pub(super) fn enlarge(source: &Image, upscaling: Upscaling) -> Result<Image, JobError> {
    let (width, height) = upscaling.size_of(source.width(), source.height());
    source.resize(width, height, Filter::Nearest).map_err(other)
}

fn other(error: MediaError) -> JobError {
    JobError::Other(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use qpyt_bricks::capability::{Adapter, Control, Guides, Sampling};

    fn request(prompt: &str, width: u32, height: u32) -> TextRequest {
        let sampling = Sampling { steps: 1, guidance: 1.0, sampler: None, schedule: None, seed: 0 };
        let (model, negative) = ("fake".to_owned(), String::new());
        TextRequest { model, prompt: prompt.to_owned(), negative, width, height, sampling, extra: None }
    }

    #[test]
    fn the_same_request_gives_the_same_picture_and_another_one_another() {
        let picture = |prompt| paint(&request(prompt, 16, 16)).unwrap();
        assert_eq!(picture("a"), picture("a"));
        assert_ne!(picture("a"), picture("b"));
    }

    #[test]
    fn red_and_green_run_from_edge_to_edge() {
        let picture = paint(&request("a", 16, 9)).unwrap();
        let pixels = picture.pixels();
        assert_eq!(pixels[..2], [0, 0]);
        assert_eq!(pixels[pixels.len() - 3..pixels.len() - 1], [255, 255]);
        assert!(paint(&request("a", 1, 1)).is_ok());
    }

    fn start_from(start: Start) -> Painting {
        Painting { start, ..request("a", 16, 16).into() }
    }

    #[test]
    fn a_strength_of_nothing_leaves_the_source_as_it_is() {
        let source = paint(&request("source", 16, 16)).unwrap();
        let at = |strength| start_from(Start::Repainting { source: source.clone(), strength });
        assert_eq!(paint_all(&at(0.0)).unwrap().pixels(), source.pixels());
        assert_eq!(paint_all(&at(1.0)).unwrap().pixels(), paint(&request("a", 16, 16)).unwrap().pixels());
    }

    #[test]
    fn only_the_white_part_of_a_mask_is_painted() {
        let source = paint(&request("source", 16, 16)).unwrap();
        let half = (0..256).map(|at| if at % 16 < 8 { 0 } else { 255 }).collect();
        let mask = Image::new(PixelFormat::Luma8, 16, 16, half).unwrap();
        let painting = start_from(Start::Inpainting { source: source.clone(), mask, strength: 1.0 });
        let painted = paint_all(&painting).unwrap();
        let whole = paint(&request("a", 16, 16)).unwrap();
        assert_eq!(painted.pixels()[..24], source.pixels()[..24]);
        assert_eq!(painted.pixels()[24..48], whole.pixels()[24..48]);
    }

    #[test]
    fn sizes_and_numbers_that_no_model_would_take_are_refused() {
        for (width, height) in [(0, 8), (8, 0), (MAX_SIDE + 1, 8)] {
            assert!(matches!(paint(&request("a", width, height)), Err(JobError::BadArgument(_))));
        }
        let source = paint(&request("a", 8, 8)).unwrap();
        for strength in [-0.1, 1.1, f32::NAN] {
            let painting = start_from(Start::Repainting { source: source.clone(), strength });
            assert!(paint_all(&painting).is_err());
        }
        let adapter = Adapter { model: "style".to_owned(), weight: 4.5 };
        let control =
            Control { model: "edges".to_owned(), picture: source, weight: 1.0, begin: 0.5, end: 0.4 };
        let guided = |guides| Painting { guides, ..request("a", 8, 8).into() };
        assert!(paint_all(&guided(Guides { adapters: vec![adapter], ..Guides::default() })).is_err());
        assert!(paint_all(&guided(Guides { controls: vec![control], ..Guides::default() })).is_err());
    }
}
