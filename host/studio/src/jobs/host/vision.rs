//! Looking at pictures for a brick, and enlarging them.

use async_trait::async_trait;
use qpyt_bricks::capability::{Detail, JobError, Upscaling, Vision};
use qpyt_bricks::media::{Filter, Image, PixelFormat};
use qpyt_inference::CaptionTask;

use super::{BrickHost, image, off_thread, picture, unfit};

#[async_trait]
impl Vision for BrickHost {
    async fn matte(&self, model: String, source: Image) -> Result<Image, JobError> {
        let (width, height) = (source.width(), source.height());
        let source = off_thread(move || picture(&source)).await?;
        let matte =
            self.on_model(&model, move |engine, model, observer| engine.matte(model, &source, observer));
        Image::new(PixelFormat::Luma8, width, height, matte.await?).map_err(unfit)
    }

    async fn depth(&self, model: String, source: Image) -> Result<Image, JobError> {
        let (width, height) = (source.width(), source.height());
        let source = off_thread(move || picture(&source)).await?;
        let depth =
            self.on_model(&model, move |engine, model, observer| engine.depth(model, &source, observer));
        let pixels = depth.await?.into_iter().flat_map(f32::to_le_bytes).collect();
        Image::new(PixelFormat::Luma32f, width, height, pixels).map_err(unfit)
    }

    async fn caption(&self, model: String, source: Image, detail: Detail) -> Result<String, JobError> {
        let source = off_thread(move || picture(&source)).await?;
        let task = match detail {
            Detail::Sentence => CaptionTask::Caption,
            Detail::Sentences => CaptionTask::DetailedCaption,
            Detail::Paragraph => CaptionTask::MoreDetailedCaption,
            Detail::Tags => CaptionTask::Tags,
        };
        self.on_model(&model, move |engine, model, observer| engine.caption(model, &source, task, observer))
            .await
    }

    async fn upscale(&self, model: String, source: Image, upscaling: Upscaling) -> Result<Image, JobError> {
        let Upscaling { factor, tile } = upscaling;
        let colours = source.clone();
        let colours = off_thread(move || picture(&colours)).await?;
        let upscaled = self.on_model(&model, move |engine, model, observer| {
            engine.upscale(model, &colours, factor, tile, observer)
        });
        let upscaled = image(upscaled.await?)?;
        off_thread(move || as_before(&source, upscaled)).await
    }
}

/// The enlarged colours in the format of the source. Its alpha is enlarged by plain resampling: the networks know
/// colours only.
fn as_before(source: &Image, upscaled: Image) -> Result<Image, JobError> {
    if source.format() != PixelFormat::Rgba8 {
        return upscaled.convert(source.format()).map_err(unfit);
    }
    let alpha = source.resize(upscaled.width(), upscaled.height(), Filter::Lanczos).map_err(unfit)?;
    let colours = upscaled.pixels().chunks_exact(3);
    let pixels = colours
        .zip(alpha.pixels().chunks_exact(4))
        .flat_map(|(colour, with_alpha)| colour.iter().chain(with_alpha.last()).copied());
    Image::new(PixelFormat::Rgba8, upscaled.width(), upscaled.height(), pixels.collect()).map_err(unfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enlarged_picture_keeps_its_format_and_its_alpha() {
        let source = Image::new(PixelFormat::Rgba8, 2, 1, vec![9, 9, 9, 0, 9, 9, 9, 255]).unwrap();
        let upscaled = Image::new(PixelFormat::Rgb8, 4, 2, vec![200; 24]).unwrap();
        let kept = as_before(&source, upscaled.clone()).unwrap();
        assert_eq!((kept.format(), kept.width(), kept.height()), (PixelFormat::Rgba8, 4, 2));
        let pixels: Vec<_> = kept.pixels().chunks_exact(4).collect();
        assert!(pixels.iter().all(|pixel| pixel[..3] == [200; 3]));
        assert!(pixels[0][3] < 20 && pixels[3][3] > 235, "{pixels:?}");
        let grey = Image::new(PixelFormat::Luma8, 2, 1, vec![0, 255]).unwrap();
        assert_eq!(as_before(&grey, upscaled).unwrap().format(), PixelFormat::Luma8);
    }
}
