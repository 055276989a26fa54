//! How a run reaches the network and secrets: past the gate, and never with a secret in the brick's hands.

use std::sync::Arc;

use async_trait::async_trait;
use qpyt_bricks::capability::{
    Http, HttpError, HttpRequest, HttpResponse, SecretHandle, Secrets, StoreError as BrickStoreError,
};

use super::host::{BrickHost, closed};
use crate::network::Target;
use crate::permissions::Power;
use crate::permissions::gate::{Closed, Gate, Passed};
use crate::store::{SecretValue, Store, StoreError};

#[async_trait]
impl Secrets for BrickHost {
    async fn get(&self, name: String) -> Result<SecretHandle, BrickStoreError> {
        let (gate, store) = (self.gate.clone(), self.store.clone());
        Self::blocking(move || {
            gate.ask(Power::Secret, &name, "asked for").map_err(closed)?;
            // Found now, so that the brick hears of a missing one here; read again when it is sent.
            store.secret(&name).map_err(|error| BrickStoreError::NotFound(error.to_string()))?;
            Ok(SecretHandle::new(name))
        })
        .await
    }
}

#[async_trait]
impl Http for BrickHost {
    async fn send(
        &self,
        request: HttpRequest,
        bearer: Option<SecretHandle>,
        most: u64,
    ) -> Result<HttpResponse, HttpError> {
        let target = Target::parse(&request.url)?;
        let (passed, bearer) = self.pass(&target, &request, bearer).await?;
        let answer = self.network.send(&target, request, bearer.as_ref(), most).await;
        self.tell(&target, passed, &answer).await?;
        answer
    }
}

impl BrickHost {
    /// Passes the gate for the host and, with a secret, for that too. Gives the secret's value.
    async fn pass(
        &self,
        target: &Target,
        request: &HttpRequest,
        bearer: Option<SecretHandle>,
    ) -> Result<(Passed, Option<SecretValue>), HttpError> {
        let (gate, store) = (self.gate.clone(), self.store.clone());
        let scope = target.scope().to_string();
        let note = format!("{} with {} bytes", request.method.name(), request.body.len());
        let on = self.network.check_on();
        on_store(move || {
            if let Err(off) = on {
                gate.refuse(Power::Host, &scope, "the network is switched off").map_err(store_error)?;
                return Err(off);
            }
            let passed = gate.ask(Power::Host, &scope, &note).map_err(shut)?;
            let value = bearer.map(|secret| reveal(&gate, &store, &secret, &scope)).transpose()?;
            Ok((passed, value))
        })
        .await
    }

    /// Adds to the audit how a request went that had passed the gate.
    async fn tell(
        &self,
        target: &Target,
        passed: Passed,
        answer: &Result<HttpResponse, HttpError>,
    ) -> Result<(), HttpError> {
        let (gate, scope) = (self.gate.clone(), target.scope().to_string());
        let (told, denied) = match answer {
            Ok(response) => {
                (format!(", answered {} with {} bytes", response.status, response.body.len()), None)
            }
            Err(HttpError::Denied(message)) => (", denied on the way".to_owned(), Some(message.clone())),
            Err(error) => (format!(", failed: {error}"), None),
        };
        on_store(move || {
            gate.tell(passed, &told).map_err(store_error)?;
            denied.map_or(Ok(()), |why| gate.refuse(Power::Host, &scope, &why).map_err(store_error))
        })
        .await
    }
}

fn reveal(
    gate: &Gate,
    store: &Arc<Store>,
    secret: &SecretHandle,
    scope: &str,
) -> Result<SecretValue, HttpError> {
    gate.ask(Power::Secret, secret.name(), &format!("sent to {scope}")).map_err(shut)?;
    store.secret(secret.name()).map_err(|error| HttpError::Denied(error.to_string()))
}

fn shut(closed: Closed) -> HttpError {
    match closed {
        Closed::Denied(message) => HttpError::Denied(message),
        Closed::Store(error) => store_error(error),
    }
}

fn store_error(error: StoreError) -> HttpError {
    HttpError::Other(error.to_string())
}

/// Runs blocking work off the async threads.
async fn on_store<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, HttpError> + Send + 'static,
) -> Result<T, HttpError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| HttpError::Other(error.to_string()))?
}
