//! Making a picture larger: with a model that paints in detail, or by filtering alone.

use qpyt_sdk::ai::vision;
use qpyt_sdk::media::types::Filter;
use qpyt_sdk::prelude::*;

use crate::not_done;

/// The picture in another size. `upscaler` is the id of a model that enlarges, or empty for Lanczos; `param` names the
/// parameter that says so.
pub fn enlarged(source: &Image, (width, height): (u32, u32), upscaler: &str, param: &str) -> Result<Image> {
    let info = source.info();
    if (info.width, info.height) == (width, height) {
        return Ok(source.clone_handle());
    }
    let factor = factor((info.width, info.height), (width, height));
    if upscaler.is_empty() || factor <= 1.0 {
        return Ok(source.resize(width, height, Filter::Lanczos)?);
    }
    let large = vision::upscale(upscaler, source, factor, None).map_err(|error| not_done(error, param))?;
    Ok(large.resize(width, height, Filter::Lanczos)?)
}

/// By how much a picture has to grow to cover a size.
fn factor(from: (u32, u32), to: (u32, u32)) -> f32 {
    let side = |from: u32, to: u32| to as f32 / from.max(1) as f32;
    side(from.0, to.0).max(side(from.1, to.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_grows_until_it_covers_the_size() {
        assert_eq!(factor((100, 50), (150, 100)), 2.0);
        assert_eq!(factor((100, 50), (50, 25)), 0.5);
        assert_eq!(factor((0, 0), (64, 64)), 64.0);
    }
}
