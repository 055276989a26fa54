//! `qpyt:brick/run` as it crosses the border of the sandbox.

use wasmtime::{
    Store,
    component::{ComponentExportIndex, ComponentType, Instance, Lift, Lower, Resource, TypedFunc},
};

use crate::{
    media::{Image, Tensor},
    sandbox::State,
};

#[derive(ComponentType, Lift, Lower)]
#[component(variant)]
pub(super) enum WireValue {
    #[component(name = "image")]
    Image(Resource<Image>),
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
pub(super) struct WireNamed {
    pub(super) port: String,
    pub(super) value: WireValue,
}

#[derive(Debug, ComponentType, Lift)]
#[component(record)]
pub(super) struct NamedProblem {
    pub(super) name: String,
    pub(super) problem: String,
}

#[derive(Debug, ComponentType, Lift)]
#[component(variant)]
pub(super) enum BrickError {
    #[component(name = "bad-input")]
    BadInput(NamedProblem),
    #[component(name = "bad-param")]
    BadParam(NamedProblem),
    #[component(name = "cancelled")]
    Cancelled,
    #[component(name = "host")]
    Host(String),
    #[component(name = "other")]
    Other(String),
}

type Parameters<'a> = (&'a str, &'a [WireNamed], &'a str);
type Outputs = Result<Vec<WireNamed>, BrickError>;

/// The function `run` of a component, with its type checked once for all instances.
#[derive(Clone, Copy)]
pub(crate) struct RunFunction(ComponentExportIndex);

impl RunFunction {
    /// Checks the type of the export with an instance.
    pub(crate) fn check(
        instance: &Instance,
        store: &mut Store<State>,
        export: ComponentExportIndex,
    ) -> wasmtime::Result<Self> {
        instance.get_typed_func::<Parameters, (Outputs,)>(store, export)?;
        Ok(Self(export))
    }

    pub(super) async fn call(
        self,
        store: &mut Store<State>,
        instance: &Instance,
        brick: &str,
        inputs: &[WireNamed],
        params: &str,
    ) -> wasmtime::Result<Outputs> {
        let function = instance
            .get_func(&mut *store, self.0)
            .ok_or_else(|| wasmtime::Error::msg("`run` is of another component"))?;
        // SAFETY: `check` found this export of this component to have exactly this type; types belong to the
        // component, not to its instances. An index of another component is refused above.
        let function = unsafe { TypedFunc::<Parameters, (Outputs,)>::new_unchecked(function) };
        let (outputs,) = function.call_async(store, (brick, inputs, params)).await?;
        Ok(outputs)
    }
}
