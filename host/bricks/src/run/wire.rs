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

type Parameters = (String, Vec<WireNamed>, String);
type Outputs = Result<Vec<WireNamed>, BrickError>;

/// The function `run` of an instance, with its type checked.
pub(crate) struct RunFunction(TypedFunc<Parameters, (Outputs,)>);

impl RunFunction {
    pub(crate) fn new(
        instance: &Instance,
        store: &mut Store<State>,
        export: ComponentExportIndex,
    ) -> wasmtime::Result<Self> {
        instance.get_typed_func(store, export).map(Self)
    }

    pub(super) async fn call(
        &self,
        store: &mut Store<State>,
        brick: &str,
        inputs: Vec<WireNamed>,
        params: &serde_json::Value,
    ) -> wasmtime::Result<Outputs> {
        let (outputs,) = self.0.call_async(store, (brick.to_owned(), inputs, params.to_string())).await?;
        Ok(outputs)
    }
}
