//! `qpyt:ai/vision`.

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource},
};

use super::{
    Fail, answer_and_note, check_length,
    inference::{check_size, push, unless_cancelled},
};
use crate::{
    Interface,
    capability::{Detail, JobError, Upscaling},
    contract::versioned,
    media::{Image, PixelFormat},
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

/// By how much a picture may be enlarged at once.
const FACTORS: std::ops::RangeInclusive<f32> = 1.0..=16.0;
/// The sides that the pieces of the work may have, in pixels.
const TILES: std::ops::RangeInclusive<u32> = 32..=2048;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::AiVision.name()))?;
    instance.func_wrap_async("matte", |mut store, (model, source)| {
        Box::new(async move {
            let matte = matte(&mut store, model, source).await;
            answer_and_note(store.data_mut(), matte)
        })
    })?;
    instance.func_wrap_async("depth", |mut store, (model, source)| {
        Box::new(async move {
            let depth = depth(&mut store, model, source).await;
            answer_and_note(store.data_mut(), depth)
        })
    })?;
    instance.func_wrap_async("caption", |mut store, (model, source, detail)| {
        Box::new(async move {
            let caption = caption(&mut store, model, source, detail).await;
            answer_and_note(store.data_mut(), caption)
        })
    })?;
    instance.func_wrap_async("upscale", |mut store, (model, source, factor, tile)| {
        Box::new(async move {
            let upscaled = upscale(&mut store, model, source, Upscaling { factor, tile }).await;
            answer_and_note(store.data_mut(), upscaled)
        })
    })
}

async fn matte(
    store: &mut Store<'_>,
    model: String,
    source: Resource<Image>,
) -> Result<Resource<Image>, Fail<JobError>> {
    let source = look(store, &model, &source)?;
    check_size(store.data_mut(), PixelFormat::Luma8, (source.width(), source.height()))?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    let matte = unless_cancelled(&cancel, host.matte(model, source)).await?;
    push(store.data_mut(), matte)
}

async fn depth(
    store: &mut Store<'_>,
    model: String,
    source: Resource<Image>,
) -> Result<Resource<Image>, Fail<JobError>> {
    let source = look(store, &model, &source)?;
    check_size(store.data_mut(), PixelFormat::Luma32f, (source.width(), source.height()))?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    let depth = unless_cancelled(&cancel, host.depth(model, source)).await?;
    push(store.data_mut(), depth)
}

async fn caption(
    store: &mut Store<'_>,
    model: String,
    source: Resource<Image>,
    detail: Detail,
) -> Result<String, Fail<JobError>> {
    let source = look(store, &model, &source)?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    Ok(unless_cancelled(&cancel, host.caption(model, source, detail)).await?)
}

async fn upscale(
    store: &mut Store<'_>,
    model: String,
    source: Resource<Image>,
    upscaling: Upscaling,
) -> Result<Resource<Image>, Fail<JobError>> {
    let source = look(store, &model, &source)?;
    check_upscaling(upscaling).map_err(JobError::BadArgument)?;
    let size = upscaling.size_of(source.width(), source.height());
    check_size(store.data_mut(), source.format(), size)?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    let upscaled = unless_cancelled(&cancel, host.upscale(model, source, upscaling)).await?;
    push(store.data_mut(), upscaled)
}

/// The picture to look at, if the model's name is one.
fn look(store: &mut Store<'_>, model: &str, source: &Resource<Image>) -> Result<Image, Fail<JobError>> {
    check_length("model", model).map_err(JobError::BadArgument)?;
    Ok(store.data().image(source)?)
}

fn check_upscaling(Upscaling { factor, tile }: Upscaling) -> Result<(), String> {
    if !FACTORS.contains(&factor) {
        return Err(format!("factor must be {}..{}, but is {factor}", FACTORS.start(), FACTORS.end()));
    }
    match tile {
        Some(tile) if !TILES.contains(&tile) => {
            Err(format!("tile must be {}..{}, but is {tile}", TILES.start(), TILES.end()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_and_tiles_out_of_bounds_are_refused_with_the_bounds() {
        let check = |factor, tile| check_upscaling(Upscaling { factor, tile });
        assert_eq!(check(1.0, None), Ok(()));
        assert_eq!(check(16.0, Some(2048)), Ok(()));
        for factor in [0.9, 16.1, -2.0, f32::NAN, f32::INFINITY] {
            assert!(check(factor, None).unwrap_err().contains("1..16"), "{factor}");
        }
        for tile in [0, 31, 2049] {
            assert!(check(2.0, Some(tile)).unwrap_err().contains("32..2048"), "{tile}");
        }
    }

    #[test]
    fn sides_grow_by_the_factor_and_are_rounded() {
        let size = |factor: f32| Upscaling { factor, tile: None }.size_of(101, 3);
        assert_eq!(size(1.5), (152, 5));
        assert_eq!(size(4.0), (404, 12));
        assert_eq!(size(1.0), (101, 3));
    }
}
