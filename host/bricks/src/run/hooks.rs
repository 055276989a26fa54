//! The optional exports: `qpyt:brick/state`, which carries what a brick remembers from run to run and from version to
//! version, and `qpyt:brick/migrate`, which carries parameters to a newer version.

use std::sync::Arc;

use wasmtime::{
    Store,
    component::{Instance, TypedFunc},
};

use crate::{
    Binary, MigrateError,
    load::{contract::Exports, describe},
    run::Watch,
    sandbox::State,
};

/// The most bytes that a brick may remember.
pub const MAX_STATE_BYTES: usize = 1 << 20;

/// What a brick remembers, and which of its versions wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedState {
    /// The version that saved it.
    pub version: semver::Version,
    /// Bytes that mean something to the brick alone; at most [`MAX_STATE_BYTES`].
    pub blob: Arc<[u8]>,
}

/// What a run did to what its brick remembers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Memory {
    /// The brick keeps no state.
    #[default]
    None,
    /// This is to be remembered.
    Keep(SavedState),
    /// Nothing is to be remembered any more.
    Forget,
}

type Save = TypedFunc<(), (Option<Vec<u8>>,)>;
type Restore = TypedFunc<(String, Vec<u8>), (Result<(), String>,)>;
type Migrate = TypedFunc<(String, String, String), (Result<String, String>,)>;

/// The state functions of one instance.
pub(crate) struct Hooks {
    save: Save,
    restore: Restore,
}

impl Hooks {
    /// None if the brick keeps no state.
    pub(crate) fn of(
        instance: &Instance,
        store: &mut Store<State>,
        exports: Exports,
    ) -> wasmtime::Result<Option<Self>> {
        let Some(state) = exports.state else { return Ok(None) };
        Ok(Some(Self {
            save: instance.get_typed_func(&mut *store, state.save)?,
            restore: instance.get_typed_func(&mut *store, state.restore)?,
        }))
    }

    /// Fails if an optional export has another type than the contract's.
    pub(crate) fn check(
        instance: &Instance,
        store: &mut Store<State>,
        exports: Exports,
    ) -> wasmtime::Result<()> {
        Self::of(instance, store, exports)?;
        if let Some(migrate) = exports.migrate {
            let _typed: Migrate = instance.get_typed_func(store, migrate)?;
        }
        Ok(())
    }

    /// Gives the brick what it saved; the inner error is the brick's own.
    pub(super) async fn restore(
        &self,
        store: &mut Store<State>,
        saved: &SavedState,
    ) -> wasmtime::Result<Result<(), String>> {
        let arguments = (saved.version.to_string(), saved.blob.to_vec());
        let (restored,) = self.restore.call_async(store, arguments).await?;
        Ok(restored)
    }

    /// Asks the brick what to remember. The inner error says that it is too much.
    pub(super) async fn save(
        &self,
        store: &mut Store<State>,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, String>> {
        let (saved,) = self.save.call_async(store, ()).await?;
        Ok(match saved {
            Some(blob) if blob.len() > MAX_STATE_BYTES => Err(format!(
                "it wants to remember {} bytes, at most {MAX_STATE_BYTES} are allowed",
                blob.len()
            )),
            saved => Ok(saved),
        })
    }
}

impl Binary {
    /// True if it exports `qpyt:brick/state`.
    pub fn is_stateful(&self) -> bool {
        self.exports.state.is_some()
    }

    /// True if it exports `qpyt:brick/migrate`.
    pub fn migrates(&self) -> bool {
        self.exports.migrate.is_some()
    }

    /// Parameters of `brick` as version `from` had them, carried to this version. They come back as the brick gives
    /// them, not yet checked against its schema. Without the export they come back as they are.
    ///
    /// # Errors
    /// [`MigrateError`] when the brick says no, breaks a limit or gives no JSON object.
    pub async fn migrate_params(
        &self,
        brick: &str,
        from: &semver::Version,
        params: &serde_json::Value,
    ) -> Result<serde_json::Value, MigrateError> {
        let Some(export) = self.exports.migrate else { return Ok(params.clone()) };
        let failed = |problem: String| MigrateError { brick: brick.to_owned(), from: from.clone(), problem };
        let turn = self.shared.runs.acquire_many(self.places).await;
        let _turn = turn.map_err(|error| failed(error.to_string()))?;
        let mut store = describe::quiet_store(&self.shared, &self.path);
        let watch = Watch::over(store.data(), brick);
        let call = async {
            let instance = self.component.instantiate_async(&mut store).await?;
            let migrate: Migrate = instance.get_typed_func(&mut store, export)?;
            let arguments = (brick.to_owned(), from.to_string(), params.to_string());
            let (migrated,) = migrate.call_async(&mut store, arguments).await?;
            Ok(migrated)
        };
        let migrated = watch.drive(call).await.map_err(|error| failed(describe::problem(error)))?;
        let migrated: serde_json::Value =
            serde_json::from_str(&migrated.map_err(failed)?).map_err(|error| failed(error.to_string()))?;
        if !migrated.is_object() {
            return Err(failed("it gave something else than a JSON object".to_owned()));
        }
        Ok(migrated)
    }
}
