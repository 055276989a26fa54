//! The twin: the same component in bare wasmtime, with the least that lets it run. No limits, no log, no checks.

use std::sync::Arc;

use wasmtime::{
    Engine, Store, StoreContextMut,
    component::{
        Component, ComponentExportIndex, ComponentType, InstancePre, Lift, Linker, Lower, Resource,
        ResourceTable, ResourceType, WasmList, types::ComponentItem,
    },
};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::{built::folder, engine};

pub type Parameters<'a> = (&'a str, &'a [Named], &'a str);
pub type Outputs = Result<Vec<Named>, Problem>;

/// Bare pixels; every picture here is rgba8.
pub struct Picture {
    width: u32,
    height: u32,
    pixels: Arc<Vec<u8>>,
}

/// When the context of WASI is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wasi {
    /// With the store, as hosts commonly do.
    Always,
    /// When a brick asks for it, which no brick here does.
    Lazily,
}

pub struct State {
    table: ResourceTable,
    wasi: Option<WasiCtx>,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let ctx = self.wasi.get_or_insert_with(|| WasiCtx::builder().build());
        WasiCtxView { ctx, table: &mut self.table }
    }
}

/// A component that is ready to be instantiated.
pub struct Bare {
    engine: Engine,
    component: InstancePre<State>,
    run: ComponentExportIndex,
    describe: ComponentExportIndex,
}

#[derive(Clone, Copy, ComponentType, Lift)]
#[component(record)]
struct Rect {
    x: u32,
    y: u32,
    width: u32,
    height: u32,
}

#[derive(Clone, Copy, ComponentType, Lift, Lower)]
#[component(enum)]
#[repr(u8)]
enum Format {
    #[component(name = "rgba8")]
    Rgba8,
    #[component(name = "rgb8")]
    Rgb8,
    #[component(name = "luma8")]
    Luma8,
    #[component(name = "luma32f")]
    Luma32f,
}

#[derive(ComponentType, Lower)]
#[component(record)]
struct Info {
    width: u32,
    height: u32,
    format: Format,
    digest: String,
}

#[derive(ComponentType, Lower)]
#[component(variant)]
enum MediaError {
    #[component(name = "bad-argument")]
    BadArgument(String),
    #[component(name = "unsupported")]
    Unsupported(String),
    #[component(name = "too-large")]
    TooLarge(u64),
    #[component(name = "other")]
    Other(String),
}

pub struct Tensor;

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub enum Value {
    #[component(name = "image")]
    Image(Resource<Picture>),
    #[component(name = "tensor")]
    Tensor(Resource<Tensor>),
    #[component(name = "text")]
    Text(String),
    #[component(name = "number")]
    Number(f64),
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "json")]
    Json(String),
}

#[derive(ComponentType, Lift, Lower)]
#[component(record)]
pub struct Named {
    pub port: String,
    pub value: Value,
}

#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub struct Place {
    name: String,
    problem: String,
}

#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
pub enum Problem {
    #[component(name = "bad-input")]
    BadInput(Place),
    #[component(name = "bad-param")]
    BadParam(Place),
    #[component(name = "cancelled")]
    Cancelled,
    #[component(name = "host")]
    Host(String),
    #[component(name = "other")]
    Other(String),
}

impl Bare {
    pub fn load(fixture: &str) -> Self {
        let engine = engine::start().unwrap();
        let wasm = folder(fixture).join(format!("{fixture}.wasm"));
        let component = Component::from_file(&engine, wasm).unwrap();
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).unwrap();
        link_images(&mut linker);
        link_seed(&mut linker);
        link_resources(&mut linker, &component);
        linker.define_unknown_imports_as_traps(&component).unwrap();
        let export = |interface: &str, function: &str| {
            let versioned = component
                .component_type()
                .exports(&engine)
                .map(|(name, _)| name.to_owned())
                .find(|name| name.starts_with(interface))
                .unwrap();
            let interface = component.get_export_index(None, &versioned).unwrap();
            component.get_export_index(Some(&interface), function).unwrap()
        };
        Self {
            run: export("qpyt:brick/run", "run"),
            describe: export("qpyt:brick/describe", "bricks"),
            component: linker.instantiate_pre(&component).unwrap(),
            engine,
        }
    }

    fn store(&self, wasi: Wasi) -> Store<State> {
        let wasi = (wasi == Wasi::Always).then(|| WasiCtx::builder().build());
        let mut store = Store::new(&self.engine, State { table: ResourceTable::new(), wasi });
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// A fresh store, an instance and one call of `run` without inputs.
    pub async fn run_once(&self, brick: &str, params: &str, wasi: Wasi) -> Vec<Named> {
        let mut store = self.store(wasi);
        let instance = self.component.instantiate_async(&mut store).await.unwrap();
        let run = instance.get_typed_func::<Parameters, (Outputs,)>(&mut store, self.run).unwrap();
        let (outputs,) = run.call_async(&mut store, (brick, &[], params)).await.unwrap();
        outputs.unwrap()
    }

    /// The same with a picture that comes in and one that goes out.
    pub async fn run_on(&self, brick: &str, width: u32, height: u32, pixels: &Arc<Vec<u8>>) {
        let mut store = self.store(Wasi::Lazily);
        let picture = Picture { width, height, pixels: pixels.clone() };
        let picture = store.data_mut().table.push(picture).unwrap();
        let inputs = [Named { port: "in".to_owned(), value: Value::Image(picture) }];
        let instance = self.component.instantiate_async(&mut store).await.unwrap();
        let run = instance.get_typed_func::<Parameters, (Outputs,)>(&mut store, self.run).unwrap();
        let (outputs,) = run.call_async(&mut store, (brick, &inputs, "{}")).await.unwrap();
        for output in outputs.unwrap() {
            let Value::Image(handle) = output.value else { panic!("no picture") };
            store.data_mut().table.delete(handle).unwrap();
        }
    }

    /// Calls `run` `count` times in one instance. What the runtime never does: a brick gets a fresh sandbox.
    pub async fn warm_calls(&self, brick: &str, count: u32) -> std::time::Duration {
        let mut store = self.store(Wasi::Lazily);
        let instance = self.component.instantiate_async(&mut store).await.unwrap();
        let run = instance.get_typed_func::<Parameters, (Outputs,)>(&mut store, self.run).unwrap();
        let start = std::time::Instant::now();
        for _ in 0..count {
            run.call_async(&mut store, (brick, &[], "{}")).await.unwrap().0.unwrap();
        }
        start.elapsed()
    }
}

fn link_images(linker: &mut Linker<State>) {
    let mut image = linker.instance("qpyt:media/image@0.1.0").unwrap();
    image
        .resource("image", ResourceType::host::<Picture>(), |mut store: StoreContextMut<State>, handle| {
            Ok(store.data_mut().table.delete(Resource::<Picture>::new_own(handle)).map(drop)?)
        })
        .unwrap();
    image
        .resource("canvas", ResourceType::host::<Vec<u8>>(), |mut store: StoreContextMut<State>, handle| {
            Ok(store.data_mut().table.delete(Resource::<(u32, u32, Vec<u8>)>::new_own(handle)).map(drop)?)
        })
        .unwrap();
    image
        .func_wrap("[method]image.info", |store: StoreContextMut<State>, (image,): (Resource<Picture>,)| {
            let picture = store.data().table.get(&image)?;
            let digest = String::new();
            Ok((Info { width: picture.width, height: picture.height, format: Format::Rgba8, digest },))
        })
        .unwrap();
    image
        .func_wrap(
            "[method]image.read",
            |store: StoreContextMut<State>, (image, _, _): (Resource<Picture>, Rect, Format)| {
                Ok((Ok::<_, MediaError>(store.data().table.get(&image)?.pixels.clone()),))
            },
        )
        .unwrap();
    image
        .func_wrap(
            "[static]canvas.create",
            |mut store: StoreContextMut<State>, (width, height, _): (u32, u32, Format)| {
                let pixels = vec![0u8; width as usize * height as usize * 4];
                let handle = store.data_mut().table.push((width, height, pixels))?;
                Ok((Ok::<_, MediaError>(Resource::<Vec<u8>>::new_own(handle.rep())),))
            },
        )
        .unwrap();
    image
        .func_wrap(
            "[method]canvas.write",
            |mut store: StoreContextMut<State>,
             (canvas, _, pixels): (Resource<Vec<u8>>, Rect, WasmList<u8>)| {
                let handle = Resource::<(u32, u32, Vec<u8>)>::new_own(canvas.rep());
                let mut whole = std::mem::take(&mut store.data_mut().table.get_mut(&handle)?.2);
                whole.copy_from_slice(pixels.as_le_slice(&store));
                store.data_mut().table.get_mut(&handle)?.2 = whole;
                Ok((Ok::<_, MediaError>(()),))
            },
        )
        .unwrap();
    image
        .func_wrap(
            "[static]canvas.freeze",
            |mut store: StoreContextMut<State>, (canvas,): (Resource<Vec<u8>>,)| {
                let handle = Resource::<(u32, u32, Vec<u8>)>::new_own(canvas.rep());
                let (width, height, pixels) = store.data_mut().table.delete(handle)?;
                let picture = Picture { width, height, pixels: Arc::new(pixels) };
                Ok((store.data_mut().table.push(picture)?,))
            },
        )
        .unwrap();
}

/// Interfaces that use the resources name them again.
fn link_resources(linker: &mut Linker<State>, component: &Component) {
    let types = component.component_type();
    for (interface, item) in types.imports(component.engine()) {
        let ComponentItem::ComponentInstance(item) = item.ty else { continue };
        for (name, _) in item.exports(component.engine()) {
            let mut instance = linker.instance(interface).unwrap();
            let taken = match name {
                "image" if interface != "qpyt:media/image@0.1.0" => {
                    instance.resource(name, ResourceType::host::<Picture>(), |_, _| Ok(()))
                }
                "tensor" => instance.resource(name, ResourceType::host::<Tensor>(), |_, _| Ok(())),
                _ => Ok(()),
            };
            taken.unwrap();
        }
    }
}

fn link_seed(linker: &mut Linker<State>) {
    let mut context = linker.instance("qpyt:job/context@0.1.0").unwrap();
    context.func_wrap("seed", |_: StoreContextMut<State>, ()| Ok((7u64,))).unwrap();
}
