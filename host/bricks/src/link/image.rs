//! `qpyt:media/image`.

use std::sync::Arc;

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Linker, Lower, Resource, ResourceType, WasmList},
};

use super::{Fail, answer, off_thread};
use crate::{
    contract::versioned,
    media::{
        Canvas, Container, DecodeLimits, Filter, Image, MediaError, PixelFormat, Rect, decode, encode,
        encode_scratch,
    },
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

/// A decoder holds the pixels, a turned or converted copy of them, and space to work in.
const DECODE_COPIES: u64 = 3;

#[derive(ComponentType, Lower)]
#[component(record)]
struct ImageInfo {
    width: u32,
    height: u32,
    format: PixelFormat,
    digest: String,
}

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned("qpyt:media/image"))?;
    instance.resource("image", ResourceType::host::<Image>(), |mut store, handle| {
        store.data_mut().take_image(Resource::new_own(handle)).map(drop)
    })?;
    instance.func_wrap_async("[method]image.info", |store, (image,)| Box::new(info(store, image)))?;
    instance.func_wrap("[method]image.clone-handle", |mut store: Store, (image,): (Resource<Image>,)| {
        let image = store.data().image(&image)?;
        Ok((store.data_mut().push_image(image)?,))
    })?;
    instance.func_wrap_async("[method]image.crop", |mut store, (image, area)| {
        Box::new(async move { answer(crop(&mut store, image, area).await) })
    })?;
    instance.func_wrap_async("[method]image.resize", |mut store, (image, width, height, filter)| {
        Box::new(async move { answer(resize(&mut store, image, width, height, filter).await) })
    })?;
    instance.func_wrap_async("[method]image.convert", |mut store, (image, format)| {
        Box::new(async move { answer(convert(&mut store, image, format).await) })
    })?;
    instance.func_wrap_async("[method]image.blend", |mut store, (image, top, opacity, mask)| {
        Box::new(async move { answer(blend(&mut store, image, top, opacity, mask).await) })
    })?;
    instance.func_wrap_async("[method]image.read", |mut store, (image, area, format)| {
        Box::new(async move { answer(read(&mut store, image, area, format).await) })
    })?;
    instance.func_wrap_async("[method]image.encode", |mut store, (image, container, quality)| {
        Box::new(async move { answer(encode_file(&mut store, image, container, quality).await) })
    })?;
    instance.func_wrap_async("decode", |mut store, (file,)| {
        Box::new(async move { answer(decode_file(&mut store, file).await) })
    })?;

    instance.resource("canvas", ResourceType::host::<Canvas>(), |mut store, handle| {
        store.data_mut().take_canvas(Resource::new_own(handle)).map(drop)
    })?;
    instance.func_wrap("[static]canvas.create", |mut store, (width, height, format)| {
        answer(create_canvas(&mut store, width, height, format))
    })?;
    instance.func_wrap("[method]canvas.write", |mut store, (canvas, area, pixels)| {
        answer(write_canvas(&mut store, canvas, area, pixels))
    })?;
    instance.func_wrap("[static]canvas.freeze", |mut store: Store, (canvas,): (Resource<Canvas>,)| {
        let image = store.data_mut().take_canvas(canvas)?.freeze()?;
        Ok((store.data_mut().push_image(image)?,))
    })
}

async fn info(store: Store<'_>, image: Resource<Image>) -> wasmtime::Result<(ImageInfo,)> {
    let image = store.data().image(&image)?;
    let (width, height, format) = (image.width(), image.height(), image.format());
    let digest = off_thread(pixels(width, height), move || Ok(image.digest())).await?;
    Ok((ImageInfo { width, height, format, digest: digest.to_string() },))
}

async fn crop(
    store: &mut Store<'_>,
    image: Resource<Image>,
    area: Rect,
) -> Result<Resource<Image>, Fail<MediaError>> {
    let image = store.data().image(&image)?;
    area.check_inside(image.width(), image.height())?;
    make(store, image.format(), area.width, area.height, Work::default(), move || image.crop(area)).await
}

async fn resize(
    store: &mut Store<'_>,
    image: Resource<Image>,
    width: u32,
    height: u32,
    filter: Filter,
) -> Result<Resource<Image>, Fail<MediaError>> {
    let image = store.data().image(&image)?;
    let source_pixels = pixels(image.width(), image.height());
    let work = Work { source_pixels, scratch_bytes: image.resize_scratch(width, height, filter) };
    make(store, image.format(), width, height, work, move || image.resize(width, height, filter)).await
}

async fn convert(
    store: &mut Store<'_>,
    image: Resource<Image>,
    format: PixelFormat,
) -> Result<Resource<Image>, Fail<MediaError>> {
    let image = store.data().image(&image)?;
    make(store, format, image.width(), image.height(), Work::default(), move || image.convert(format)).await
}

async fn blend(
    store: &mut Store<'_>,
    image: Resource<Image>,
    top: Resource<Image>,
    opacity: f32,
    mask: Option<Resource<Image>>,
) -> Result<Resource<Image>, Fail<MediaError>> {
    let image = store.data().image(&image)?;
    let top = store.data().image(&top)?;
    let mask = mask.map(|mask| store.data().image(&mask)).transpose()?;
    // Both pictures and the result as rgba8.
    let scratch_bytes = pixels(image.width(), image.height()).saturating_mul(12);
    let work = Work { scratch_bytes, ..Work::default() };
    make(store, image.format(), image.width(), image.height(), work, move || {
        image.blend(&top, opacity, mask.as_ref())
    })
    .await
}

/// What making an image takes beside its own pixels.
#[derive(Default)]
struct Work {
    /// Pixels that are read besides.
    source_pixels: u64,
    /// Bytes that are needed meanwhile.
    scratch_bytes: u64,
}

/// Makes an image of a known size within the run's limits.
async fn make(
    store: &mut Store<'_>,
    format: PixelFormat,
    width: u32,
    height: u32,
    takes: Work,
    work: impl FnOnce() -> Result<Image, MediaError> + Send + 'static,
) -> Result<Resource<Image>, Fail<MediaError>> {
    let state = store.data_mut();
    state.admit_image(format, width, height)?;
    state.admit(format.bytes(width, height).saturating_add(takes.scratch_bytes))?;
    let image = off_thread(pixels(width, height).saturating_add(takes.source_pixels), work).await?;
    Ok(store.data_mut().push_image(image)?)
}

/// One copy, straight into the brick's memory, if it asks for the whole picture as it is; else two.
async fn read(
    store: &mut Store<'_>,
    image: Resource<Image>,
    area: Rect,
    format: PixelFormat,
) -> Result<Arc<Vec<u8>>, Fail<MediaError>> {
    let image = store.data().image(&image)?;
    area.check_inside(image.width(), image.height())?;
    let bytes = format.bytes(area.width, area.height);
    if format == image.format() && area == Rect::whole(image.width(), image.height()) {
        store.data_mut().bytes_copied += bytes;
        return Ok(image.shared_pixels());
    }
    store.data_mut().admit(bytes)?;
    store.data_mut().bytes_copied += 2 * bytes;
    let read = off_thread(pixels(area.width, area.height), move || image.read(area, format)).await?;
    Ok(store.data_mut().lend(read)?)
}

async fn encode_file(
    store: &mut Store<'_>,
    image: Resource<Image>,
    container: Container,
    quality: u8,
) -> Result<Arc<Vec<u8>>, Fail<MediaError>> {
    let image = store.data().image(&image)?;
    store.data_mut().admit(encode_scratch(&image))?;
    let size = pixels(image.width(), image.height());
    let file = off_thread(size, move || encode(&image, container, quality)).await?;
    let state = store.data_mut();
    state.bytes_copied += file.len() as u64;
    Ok(state.lend(file)?)
}

/// The file is copied once, because decoding outlives the borrow of the brick's memory.
async fn decode_file(store: &mut Store<'_>, file: WasmList<u8>) -> Result<Resource<Image>, Fail<MediaError>> {
    let bytes = file.len() as u64;
    store.data_mut().admit(bytes)?;
    let file = file.as_le_slice(&*store).to_vec();
    let state = store.data_mut();
    state.bytes_copied += bytes;
    let limits = DecodeLimits {
        max_side: state.limits.max_side,
        max_bytes: state.budget.left().saturating_sub(bytes) / DECODE_COPIES,
    };
    // A file tells its size only when it is read, and decoders are others' code: never on this thread.
    let image = off_thread(u64::MAX, move || decode(&file, limits)).await?;
    let state = store.data_mut();
    state.admit(image.pixels().len() as u64)?;
    Ok(state.push_image(image)?)
}

fn create_canvas(
    store: &mut Store<'_>,
    width: u32,
    height: u32,
    format: PixelFormat,
) -> Result<Resource<Canvas>, Fail<MediaError>> {
    store.data_mut().admit_image(format, width, height)?;
    let canvas = Canvas::new(width, height, format)?;
    Ok(store.data_mut().push_canvas(canvas)?)
}

/// One copy, from the brick's memory to the canvas.
fn write_canvas(
    store: &mut Store<'_>,
    handle: Resource<Canvas>,
    area: Rect,
    pixels: WasmList<u8>,
) -> Result<(), Fail<MediaError>> {
    let place = store.data_mut().table.get_mut(&handle).map_err(wasmtime::Error::from)?;
    let mut canvas = place.lift_out();
    let written = canvas.write(area, pixels.as_le_slice(&*store));
    let state = store.data_mut();
    *state.table.get_mut(&handle).map_err(wasmtime::Error::from)? = canvas;
    written?;
    state.bytes_copied += pixels.len() as u64;
    Ok(())
}

fn pixels(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}
