//! `qpyt:ai/imaging`.

use wasmtime::{
    StoreContextMut,
    component::{ComponentType, Lift, Linker, Resource},
};

use super::{
    Fail, answer_and_note, check_length,
    inference::{check_size, push, unless_cancelled},
};
use crate::{
    Interface,
    capability::{Adapter, Control, Guides, JobError, Painting, Start, TextRequest},
    contract::versioned,
    media::{Image, PixelFormat},
    sandbox::State,
};

type Store<'a> = StoreContextMut<'a, State>;

const MAX_ADAPTERS: usize = 32;
const MAX_CONTROLS: usize = 8;
const MAX_REFERENCES: usize = 8;

/// `repainting` of the contract.
#[derive(ComponentType, Lift)]
#[component(record)]
struct AskedRepainting {
    source: Resource<Image>,
    strength: f32,
}

/// `inpainting` of the contract.
#[derive(ComponentType, Lift)]
#[component(record)]
struct AskedInpainting {
    source: Resource<Image>,
    mask: Resource<Image>,
    strength: f32,
}

/// `start` of the contract.
#[derive(ComponentType, Lift)]
#[component(variant)]
enum AskedStart {
    #[component(name = "noise")]
    Noise,
    #[component(name = "repainting")]
    Repainting(AskedRepainting),
    #[component(name = "inpainting")]
    Inpainting(AskedInpainting),
}

/// `control` of the contract.
#[derive(ComponentType, Lift)]
#[component(record)]
struct AskedControl {
    model: String,
    picture: Resource<Image>,
    weight: f32,
    begin: f32,
    end: f32,
}

/// `guides` of the contract.
#[derive(ComponentType, Lift)]
#[component(record)]
struct AskedGuides {
    adapters: Vec<Adapter>,
    controls: Vec<AskedControl>,
    references: Vec<Resource<Image>>,
}

pub(super) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&versioned(Interface::AiImaging.name()))?;
    instance.func_wrap_async("text-to-image", |mut store, (request,): (TextRequest,)| {
        Box::new(async move {
            let painted = paint(&mut store, request.into()).await;
            answer_and_note(store.data_mut(), painted)
        })
    })?;
    instance.func_wrap_async("image-to-image", |mut store, (request, source, strength)| {
        Box::new(async move {
            let start = AskedStart::Repainting(AskedRepainting { source, strength });
            let painted = ask(&mut store, request, start, None).await;
            answer_and_note(store.data_mut(), painted)
        })
    })?;
    instance.func_wrap_async("paint", |mut store, (request, start, guides)| {
        Box::new(async move {
            let painted = ask(&mut store, request, start, Some(guides)).await;
            answer_and_note(store.data_mut(), painted)
        })
    })
}

/// Paints what a brick asked for, with the pictures behind its handles.
async fn ask(
    store: &mut Store<'_>,
    request: TextRequest,
    start: AskedStart,
    guides: Option<AskedGuides>,
) -> Result<Resource<Image>, Fail<JobError>> {
    let start = begin(store.data(), start)?;
    let guides = guides.map(|guides| steer(store.data(), guides)).transpose()?.unwrap_or_default();
    paint(store, Painting { request, start, guides }).await
}

async fn paint(store: &mut Store<'_>, painting: Painting) -> Result<Resource<Image>, Fail<JobError>> {
    check(&painting.request).map_err(JobError::BadArgument)?;
    let size = (painting.request.width, painting.request.height);
    check_size(store.data_mut(), PixelFormat::Rgb8, size)?;
    let (host, cancel) = (store.data().host()?, store.data().cancel.clone());
    let image = unless_cancelled(&cancel, host.paint(painting)).await?;
    push(store.data_mut(), image)
}

fn begin(state: &State, start: AskedStart) -> Result<Start, Fail<JobError>> {
    Ok(match start {
        AskedStart::Noise => Start::Noise,
        AskedStart::Repainting(AskedRepainting { source, strength }) => {
            Start::Repainting { source: state.image(&source)?, strength }
        }
        AskedStart::Inpainting(AskedInpainting { source, mask, strength }) => {
            Start::Inpainting { source: state.image(&source)?, mask: state.image(&mask)?, strength }
        }
    })
}

fn steer(state: &State, asked: AskedGuides) -> Result<Guides, Fail<JobError>> {
    let counts = [
        ("adapters", asked.adapters.len(), MAX_ADAPTERS),
        ("controls", asked.controls.len(), MAX_CONTROLS),
        ("references", asked.references.len(), MAX_REFERENCES),
    ];
    for (name, count, most) in counts {
        if count > most {
            return Err(JobError::BadArgument(format!("{count} {name} are more than {most}")).into());
        }
    }
    let models = asked.adapters.iter().map(|a| &a.model).chain(asked.controls.iter().map(|c| &c.model));
    for model in models {
        check_length("model", model).map_err(JobError::BadArgument)?;
    }
    let control = |AskedControl { model, picture, weight, begin, end }| {
        Ok(Control { model, picture: state.image(&picture)?, weight, begin, end })
    };
    Ok(Guides {
        adapters: asked.adapters,
        controls: asked.controls.into_iter().map(control).collect::<Result<_, Fail<JobError>>>()?,
        references: asked.references.iter().map(|it| Ok(state.image(it)?)).collect::<Result<_, Fail<_>>>()?,
    })
}

fn check(request: &TextRequest) -> Result<(), String> {
    let texts = [
        ("model", Some(&request.model)),
        ("prompt", Some(&request.prompt)),
        ("negative", Some(&request.negative)),
        ("sampler", request.sampling.sampler.as_ref()),
        ("schedule", request.sampling.schedule.as_ref()),
        ("extra", request.extra.as_ref()),
    ];
    texts.into_iter().try_for_each(|(name, text)| text.map_or(Ok(()), |text| check_length(name, text)))
}
