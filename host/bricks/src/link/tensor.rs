//! `qpyt:media/tensor`.

use std::sync::Arc;

use wasmtime::{
    StoreContextMut,
    component::{Linker, Resource, ResourceType, WasmList},
};

use super::{Fail, answer, off_thread};
use crate::{
    contract::versioned,
    media::{Element, Image, Layout, MediaError, Tensor},
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned("qpyt:media/tensor"))?;
    instance.resource("tensor", ResourceType::host::<Tensor>(), |mut store, handle| {
        store.data_mut().take_tensor(Resource::new_own(handle)).map(drop)
    })?;
    instance.func_wrap("[static]tensor.create", |mut store, (shape, element, data)| {
        answer(create(&mut store, shape, element, data))
    })?;
    instance.func_wrap_async("[static]tensor.from-image", |store, (image, layout)| {
        Box::new(from_image(store, image, layout))
    })?;
    instance.func_wrap(
        "[method]tensor.clone-handle",
        |mut store: Store, (tensor,): (Resource<Tensor>,)| {
            let tensor = store.data().tensor(&tensor)?;
            Ok((store.data_mut().push_tensor(tensor)?,))
        },
    )?;
    instance.func_wrap("[method]tensor.shape", |store: Store, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data().tensor(&tensor)?.shape().to_vec(),))
    })?;
    instance.func_wrap("[method]tensor.element", |store: Store, (tensor,): (Resource<Tensor>,)| {
        Ok((store.data().tensor(&tensor)?.element(),))
    })?;
    instance.func_wrap("[method]tensor.read", |mut store, (tensor, offset, length)| {
        answer(read(&mut store, tensor, offset, length))
    })?;
    instance.func_wrap_async("[method]tensor.to-image", |mut store, (tensor, layout)| {
        Box::new(async move { answer(to_image(&mut store, tensor, layout).await) })
    })
}

fn create(
    store: &mut Store<'_>,
    shape: Vec<u32>,
    element: Element,
    data: WasmList<u8>,
) -> Result<Resource<Tensor>, Fail<MediaError>> {
    store.data_mut().admit(data.len() as u64)?;
    let data = data.as_le_slice(&*store).to_vec();
    store.data_mut().bytes_copied += data.len() as u64;
    let tensor = Tensor::new(shape, element, data)?;
    Ok(store.data_mut().push_tensor(tensor)?)
}

/// The contract has no error here, so a tensor that is too large ends the run.
async fn from_image(
    mut store: Store<'_>,
    image: Resource<Image>,
    layout: Layout,
) -> wasmtime::Result<(Resource<Tensor>,)> {
    let image = store.data().image(&image)?;
    let samples = u64::from(image.width()) * u64::from(image.height()) * image.format().channels() as u64;
    // The numbers, and the numbers in the order of the layout.
    store.data_mut().budget.admit(samples.saturating_mul(2 * Element::Float32.bytes()))?;
    let tensor = off_thread(samples, move || Tensor::from_image(&image, layout)).await?;
    Ok((store.data_mut().push_tensor(tensor)?,))
}

/// One copy if all is read, else two.
fn read(
    store: &mut Store<'_>,
    tensor: Resource<Tensor>,
    offset: u64,
    length: u64,
) -> Result<Arc<Vec<u8>>, Fail<MediaError>> {
    let tensor = store.data().tensor(&tensor)?;
    let part = tensor.read(offset, length)?;
    if part.len() == tensor.data().len() {
        store.data_mut().bytes_copied += length;
        return Ok(tensor.shared_data());
    }
    store.data_mut().admit(length)?;
    store.data_mut().bytes_copied += 2 * length;
    Ok(store.data_mut().lend(part.to_vec())?)
}

async fn to_image(
    store: &mut Store<'_>,
    tensor: Resource<Tensor>,
    layout: Layout,
) -> Result<Resource<Image>, Fail<MediaError>> {
    let tensor = store.data().tensor(&tensor)?;
    let (format, width, height) = tensor.image_size(layout)?;
    let state = store.data_mut();
    state.admit_image(format, width, height)?;
    // The pixels, and the pixels in the order of the layout.
    state.admit(format.bytes(width, height).saturating_mul(2))?;
    let image = off_thread(u64::from(width) * u64::from(height), move || tensor.to_image(layout)).await?;
    Ok(store.data_mut().push_image(image)?)
}
